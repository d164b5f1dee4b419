"""Puts the application together: settings, database, languages, security, blueprints, error pages. Wiring only; starts no thread."""

from __future__ import annotations

import importlib
import json
import logging
import re
import secrets
import sys
from datetime import UTC, datetime
from urllib.parse import urlsplit

from flask import Flask, Response, g, render_template, request
from flask_babel import Babel
from flask_wtf.csrf import CSRFError, CSRFProtect
from sqlalchemy import event
from sqlalchemy.engine import Connection as DatabaseConnection
from sqlalchemy.engine import Engine, make_url
from werkzeug.exceptions import HTTPException, SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix

import blueprints
from blueprints import formats, htmx, rights
from connectors.errors import ConnectorError
from models import db, read_only
from settings import Settings, SettingsError, load

SQLITE_WAL_FROM = (3, 51, 3)
"""Older libraries can damage a WAL file when two connections checkpoint at once; 3.52.0 had the fault again."""

LONGEST_REQUEST_BYTES = 12 * 1024 * 1024
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)

csrf = CSRFProtect()
babel = Babel()


def create_app(settings: Settings | None = None, *, migrations: bool = True) -> Flask:
    """The application. Settings come from the environment unless given; a wrong one ends the process with one line.

    Without `migrations` there is no `flask db`: a serving process never migrates and saves the memory.
    """
    if settings is None:
        try:
            settings = load()
        except SettingsError as error:
            sys.exit(str(error))
    app = Flask(__name__)
    app.extensions["settings"] = settings
    _set_up_logging(settings.log_format)
    _configure(app, settings)
    _open_database(app, settings)
    _guard_requests(app, settings)
    csrf.init_app(app)
    babel.init_app(app, locale_selector=formats.language)
    if migrations:
        from flask_migrate import Migrate

        Migrate(app, db, render_as_batch=True, compare_type=True)
    formats.init_app(app)
    for name in blueprints.AREAS:
        area = importlib.import_module(f"blueprints.{name}")
        app.register_blueprint(area.blueprint)
    app.context_processor(blueprints.page_context)
    _handle_errors(app)
    return app


def _configure(app: Flask, settings: Settings) -> None:
    app.config.update(
        SECRET_KEY=settings.secret_key,
        SESSION_COOKIE_NAME="__Host-uurwerk" if settings.is_https else "uurwerk",
        SESSION_COOKIE_SECURE=settings.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=7 * 24 * 3600,
        SESSION_REFRESH_EACH_REQUEST=False,  # else a fragment still under way puts back a message that the next page has shown
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # the Origin check below does this, without refusing browsers that hide the referrer
        MAX_CONTENT_LENGTH=LONGEST_REQUEST_BYTES,
        MAX_FORM_MEMORY_SIZE=LONGEST_REQUEST_BYTES,
        MAX_FORM_PARTS=20_000,
        TRUSTED_HOSTS=sorted({urlsplit(settings.base_url).hostname or "localhost", "127.0.0.1", "localhost", "[::1]"}),
        SEND_FILE_MAX_AGE_DEFAULT=365 * 24 * 3600,
        BABEL_DEFAULT_LOCALE="en",
    )
    app.jinja_env.globals["may"] = rights.may
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]


# --- Database -------------------------------------------------------------------------------------------------------------------


def _open_database(app: Flask, settings: Settings) -> None:
    url = make_url(settings.database_url)
    options: dict[str, object] = {"pool_pre_ping": url.get_backend_name() != "sqlite"}
    if url.get_backend_name() == "sqlite":
        module = sqlite_module()
        options = {"module": module, "connect_args": {"timeout": 15, "check_same_thread": False, "isolation_level": None}}
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.database_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = options
    db.init_app(app)
    if url.get_backend_name() == "sqlite":
        with app.app_context():
            _prepare_sqlite(db.engine, options["module"])


def sqlite_module() -> object:
    """The SQLite driver: the bundled newer library where its wheel exists, else the standard library's."""
    try:
        return importlib.import_module("pysqlite3.dbapi2")
    except ModuleNotFoundError:
        return importlib.import_module("sqlite3")


def sqlite_is_safe_for_wal(module: object) -> bool:
    """Whether this library's write-ahead log can be trusted."""
    version: tuple[int, ...] = module.sqlite_version_info  # type: ignore[attr-defined]
    return version >= SQLITE_WAL_FROM and version != (3, 52, 0)


def _prepare_sqlite(engine: Engine, module: object) -> None:
    wal = sqlite_is_safe_for_wal(module)

    @event.listens_for(engine, "connect")
    def set_pragmas(connection, _record) -> None:  # type: ignore[no-untyped-def]
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 15000")
        cursor.execute("PRAGMA journal_mode = " + ("WAL" if wal else "DELETE"))
        cursor.execute("PRAGMA synchronous = " + ("FULL" if wal else "EXTRA"))
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA mmap_size = 0")
        cursor.execute("PRAGMA cache_size = -16000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: DatabaseConnection) -> None:
        # A transaction that reads first and writes later fails at once when somebody wrote in between; taking the lock first waits.
        connection.exec_driver_sql("BEGIN" if read_only.get() else "BEGIN IMMEDIATE")


# --- Requests -------------------------------------------------------------------------------------------------------------------


def _guard_requests(app: Flask, settings: Settings) -> None:
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.base_url))

    @app.before_request
    def open_request() -> Response | None:
        g.request_id = secrets.token_hex(4)
        g.read_only_token = read_only.set(request.method in ("GET", "HEAD", "OPTIONS"))
        if isinstance(request.routing_exception, SecurityError):
            return Response("This address is not one that Uurwerk answers on (UURWERK_BASE_URL).\n", status=400, mimetype="text/plain")
        if request.method not in ("GET", "HEAD", "OPTIONS", "POST"):
            return Response(status=405, headers={"Allow": "GET, HEAD, OPTIONS, POST"})
        if request.method == "POST" and _comes_from_elsewhere(origin):
            return Response(render_template("error.html", **formats.error_page(403)), status=403)
        return None

    app.before_request(rights.load_user)

    @app.after_request
    def close_request(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "same-origin"
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
        if settings.is_https:
            headers["Strict-Transport-Security"] = "max-age=31536000"
        if request.endpoint != "static":
            headers["Cache-Control"] = "no-store"
            headers["Vary"] = "Cookie, Accept-Language, HX-Request, HX-History-Restore-Request"
        headers["X-Request-Id"] = g.get("request_id", "-")
        return response

    @app.teardown_request
    def forget_mode(_error: BaseException | None) -> None:
        if token := g.pop("read_only_token", None):
            read_only.reset(token)


def _comes_from_elsewhere(origin: str) -> bool:
    if request.headers.get("Sec-Fetch-Site") == "cross-site":
        return True
    sent = request.headers.get("Origin")
    return sent is not None and sent not in (origin, request.host_url.rstrip("/"))


def _handle_errors(app: Flask) -> None:
    @app.errorhandler(CSRFError)
    def stale_form(error: CSRFError) -> tuple[str, int]:
        return htmx.error_page(400, "form_expired")

    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> object:
        if error.response is not None or error.code in (301, 302, 303, 307, 308):
            return error
        return htmx.error_page(error.code or 500)

    @app.errorhandler(ConnectorError)
    def package_failed(error: ConnectorError) -> tuple[str, int]:
        db.session.rollback()
        return htmx.connector_alert(error)

    @app.errorhandler(Exception)
    def broke(error: Exception) -> tuple[str, int]:
        app.logger.exception("request failed: %s %s", request.method, request.path)
        db.session.rollback()
        return htmx.error_page(500)


# --- Logs -----------------------------------------------------------------------------------------------------------------------

SECRETS = re.compile(r"(?i)(api_key|password|token|secret|authorization)(\"?\s*[=:]\s*\"?)[^\s&\",;]+")


def redact(text: str) -> str:
    """The text without what follows the name of a secret, and with line ends made visible so that nobody can forge a line."""
    return SECRETS.sub(r"\1\2***", text).replace("\r", "\\r").replace("\n", "\\n")


class _LogFormatter(logging.Formatter):
    def __init__(self, style: str) -> None:
        super().__init__()
        self.as_json = style == "json"

    def format(self, record: logging.LogRecord) -> str:
        row = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if g:
            row |= {"request": g.get("request_id", "-"), "user": getattr(g.get("user"), "id", None)}
        if record.exc_info:
            row["error"] = redact(self.formatException(record.exc_info))
        if self.as_json:
            return json.dumps(row, ensure_ascii=False)
        tail = "\n" + row["error"].replace("\\n", "\n") if "error" in row else ""
        return f"{row['at']} {row['level']:7} [{row.get('request', '-')}] {row['logger']}: {row['message']}{tail}"


def _set_up_logging(style: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_LogFormatter(style))
    root = logging.getLogger()
    if not any(isinstance(existing.formatter, _LogFormatter) for existing in root.handlers):
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
