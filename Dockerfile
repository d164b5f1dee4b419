# One container: a user without rights, a read-only root, one volume. See docs/self-hosting.md.
FROM python:3.11-slim
WORKDIR /srv/uurwerk
COPY requirements-postgresql.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-postgresql.txt && useradd --uid 10001 --no-create-home uurwerk \
    && install -d -o uurwerk -g uurwerk -m 700 /data
COPY app.py models.py settings.py audit.py checks.py gunicorn.conf.py ./
COPY billing billing
COPY invoicing invoicing
COPY connectors connectors
COPY transfers transfers
COPY blueprints blueprints
COPY templates templates
COPY static static
COPY translations translations
COPY migrations migrations
RUN python -m compileall -q .
USER uurwerk
ENV HOST=0.0.0.0 PORT=8000 UURWERK_DATA_DIR=/data PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
VOLUME /data
EXPOSE 8000
HEALTHCHECK CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:%s/healthz' % os.environ['PORT'], timeout=5)"]
CMD ["sh", "-c", "umask 077 && python -m flask --app app prepare && exec python -m gunicorn --config gunicorn.conf.py"]
