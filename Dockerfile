# Only wheels whose hashes stand in requirements.lock are installed; the tools that the lock also holds stay behind.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.lock ./
RUN pip wheel --no-cache-dir --no-deps --require-hashes --wheel-dir wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY streams ./streams
COPY topics ./topics
COPY schemas ./schemas
RUN pip wheel --no-cache-dir --no-deps --wheel-dir wheels . \
    && python -m venv /opt/sidestep \
    && /opt/sidestep/bin/pip install --no-cache-dir --no-index --find-links wheels sidestep

FROM python:3.11-slim-bookworm
COPY --from=build /opt/sidestep /opt/sidestep
RUN useradd --system --uid 10001 --home-dir /var/lib/sidestep --create-home --shell /usr/sbin/nologin sidestep
USER sidestep
WORKDIR /var/lib/sidestep
# Inside a container loopback is nobody's: who reaches the port is decided by what is published, and by the networks.
ENV PATH=/opt/sidestep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIDESTEP_DATA_DIR=/var/lib/sidestep \
    SIDESTEP_WEB_HOST=0.0.0.0 \
    SIDESTEP_LISTEN_HOST=0.0.0.0
VOLUME /var/lib/sidestep
EXPOSE 6066
ENTRYPOINT ["sidestep"]
CMD ["worker", "--role", "all"]
