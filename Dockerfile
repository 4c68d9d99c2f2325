# The service as an image: installed from hashed requirements, run by a user that owns nothing of it.
# pip takes its registry from the secret `pip.conf` where one is given (docker build --secret id=pip.conf,src=…).

FROM python:3.13-slim AS install
COPY requirements/service.txt /tmp/service.txt
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf,required=false \
    python -m venv /opt/venv && \
    /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r /tmp/service.txt
COPY ledger /opt/like-ledger/ledger
COPY campaigns /opt/like-ledger/campaigns
COPY ops /opt/like-ledger/ops
COPY sql /opt/like-ledger/sql
COPY --chmod=755 .ci/like-ledger /opt/venv/bin/like-ledger
RUN echo /opt/like-ledger > "$(/opt/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/like_ledger.pth" && \
    /opt/venv/bin/python -m compileall -q /opt/like-ledger

FROM python:3.13-slim
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/like-ledger --create-home like-ledger && \
    install -d -o like-ledger -g like-ledger /var/lib/like-ledger/data
COPY --from=install /opt /opt
COPY LICENSE /opt/like-ledger/LICENSE
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LIKE_LEDGER_HOST=0.0.0.0 \
    LIKE_LEDGER_PORT=8080 \
    LIKE_LEDGER_METRICS_HOST=0.0.0.0 \
    LIKE_LEDGER_METRICS_PORT=9464
USER 10001:10001
WORKDIR /var/lib/like-ledger
EXPOSE 8080 9464
# That the process answers; whether it can work is /ready, which is for whoever sends it requests.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['LIKE_LEDGER_PORT'] + '/live', timeout=4)"]
ENTRYPOINT ["like-ledger"]
CMD ["serve"]
