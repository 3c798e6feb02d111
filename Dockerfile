FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY streamer streamer
RUN pip wheel --no-cache-dir --wheel-dir /wheels '.[rocksdb]'

FROM python:3.11-slim
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels 'streamer-avoid-lists[rocksdb]' \
    && useradd --system --create-home --home-dir /var/lib/streamer --uid 10001 streamer
USER streamer
WORKDIR /var/lib/streamer
ENV STREAMER_DATA_DIR=/var/lib/streamer \
    PYTHONUNBUFFERED=1
ENTRYPOINT ["streamer"]
CMD ["--help"]
