# One image for every component, from the same lock as .venv.
FROM python:3.12-slim-bookworm

RUN apt-get update \
 && apt-get install -y --no-install-recommends git tini \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 50000 airflow

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/bdc/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/bdc/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    PYTHONUNBUFFERED=1

WORKDIR /opt/bdc
COPY requirements.txt requirements-dev.txt ./
RUN uv_version="$(sed -n 's/^uv==\([^ ;]*\).*/\1/p' requirements-dev.txt)" \
 && pip install --no-cache-dir "uv==${uv_version}" \
 && uv pip install --system --no-cache -r requirements.txt

COPY . .
RUN uv pip install --system --no-cache --no-deps . \
 && mkdir -p "$AIRFLOW_HOME" /opt/bdc/workspace \
 && chown -R airflow "$AIRFLOW_HOME" /opt/bdc/workspace

USER airflow
ENTRYPOINT ["tini", "--"]
CMD ["airflow", "version"]
