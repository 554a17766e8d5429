# Only wheels whose hashes stand in requirements.lock are installed; the tools that the lock also holds stay behind.
# `make image` builds it so that the same commit gives the same image: SOURCE_DATE_EPOCH is the commit's time, the base is
# pinned by digest (`make images` tells of newer ones), nothing is fetched that no hash vouches for.
ARG PYTHON=python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON} AS build
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN pip wheel --no-deps --require-hashes --wheel-dir wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY streams ./streams
COPY topics ./topics
COPY schemas ./schemas
# the tools that build come from the lock, too: without isolation pip fetches none
RUN python -m venv tools \
    && tools/bin/pip install --no-index --find-links wheels --upgrade setuptools \
    && tools/bin/pip wheel --no-index --no-deps --no-build-isolation --wheel-dir wheels . \
    && python -m venv --without-pip /opt/sidestep \
    && pip --python /opt/sidestep/bin/python install --no-index --no-compile --find-links wheels "sidestep[worker]" \
    && /opt/sidestep/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/sidestep/lib

FROM ${PYTHON}
LABEL org.opencontainers.image.title="Sidestep" \
    org.opencontainers.image.description="One verdict for every email your services want to send" \
    org.opencontainers.image.version="0.1.0" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/sidestep --shell /usr/sbin/nologin sidestep \
    && install --directory --owner sidestep --group sidestep --mode 0700 /var/lib/sidestep
COPY --from=build /opt/sidestep /opt/sidestep
USER 10001:10001
WORKDIR /var/lib/sidestep
# The endpoints listen on loopback, as everywhere: who wants to be scraped says where, with a certificate and a token.
ENV PATH=/opt/sidestep/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SIDESTEP_DATA_DIR=/var/lib/sidestep
VOLUME /var/lib/sidestep
EXPOSE 6066
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --retries=3 CMD ["sidestep", "ready"]
ENTRYPOINT ["sidestep"]
CMD ["worker", "--role", "all"]
