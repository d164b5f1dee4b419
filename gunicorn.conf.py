"""How gunicorn serves Uurwerk: threads and the scheduler start after the fork, and drain before the end."""

from __future__ import annotations

import os

from apscheduler.schedulers.background import BackgroundScheduler

wsgi_app = "app:create_app(migrations=False)"
bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
worker_class = "gthread"
threads = 8
timeout = 120
graceful_timeout = 90
keepalive = 5
accesslog = None
errorlog = "-"
loglevel = "warning"
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
forwarded_allow_ips = "127.0.0.1"
limit_request_line = 8190


def post_worker_init(worker) -> None:  # type: ignore[no-untyped-def]
    """In the forked process: the background worker, unless somebody else runs it, and the 30 s tick."""
    from transfers.ticker import tick_in
    from transfers.worker import WorkerThread

    app = worker.wsgi if hasattr(worker.wsgi, "extensions") else worker.app.wsgi()
    if app.extensions["settings"].worker == "inline":
        thread = WorkerThread(app)
        app.extensions["worker"] = thread
        thread.start()
    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(tick_in, "interval", args=[app], seconds=30, coalesce=True, max_instances=1, misfire_grace_time=None, id="tick")
    scheduler.start()
    worker.uurwerk = (app, scheduler)


def worker_exit(server, worker) -> None:  # type: ignore[no-untyped-def]
    """Before the process ends: no new work, the call in flight is finished."""
    from transfers.worker import GRACE

    app, scheduler = getattr(worker, "uurwerk", (None, None))
    if scheduler is not None:
        scheduler.shutdown(wait=False)
    thread = app.extensions.get("worker") if app else None
    if thread is not None:
        thread.stop(GRACE.total_seconds())
