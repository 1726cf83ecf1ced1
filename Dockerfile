# The engine without embedded servers: it needs SOP_DATABASE_URL and SOP_REDIS_URL.

FROM python:3.11-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /opt/sop
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY engine engine
COPY workers workers
COPY sop_definitions sop_definitions
RUN /opt/sop/bin/pip install -c constraints.txt .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="sop-engine" org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin sop
COPY --from=build /opt/sop /opt/sop
ENV PATH=/opt/sop/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /home/sop
EXPOSE 8000
ENTRYPOINT ["sop"]
