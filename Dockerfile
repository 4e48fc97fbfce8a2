# The image runs the same commands as a checkout: `make env` here, `make repro` or `make test` inside.
#
#   docker build -t geogan .                                                            CPU
#   docker build -t geogan:cuda --build-arg TORCH=cuda .                                CUDA, run with --gpus all
#   docker run --rm -v geogan:/app geogan make repro
#
# The tag is exact; append @sha256:... to pin its bytes too.
ARG PYTHON_IMAGE=python:3.12.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates git make tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app

FROM base AS build
# A compiler, for packages without a wheel for this machine; it stays out of the last stage.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# The CPU builds of torch have an index of their own; the usual package index has those with CUDA.
ARG TORCH=cpu
ARG TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.lock ./
RUN python3 -m venv .venv \
    && if [ "${TORCH}" = cpu ]; then \
        .venv/bin/pip install --no-deps --index-url "${TORCH_CPU_INDEX}" "$(grep '^torch==' requirements.lock)"; \
    fi
COPY . .
# Installs the rest of the lock, and torch where it is not there yet.
RUN make env

FROM base AS final
RUN useradd --create-home --uid 1000 geogan && chown geogan:geogan /app
COPY --from=build --chown=geogan:geogan /app /app
USER geogan
ENV PATH=/app/.venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
# -g: a signal reaches the whole group, so that a training started by make or dvc saves a checkpoint before it ends.
ENTRYPOINT ["tini", "-g", "--"]
CMD ["geogan", "--help"]
