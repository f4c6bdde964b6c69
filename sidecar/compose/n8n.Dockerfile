# syntax=docker/dockerfile:1
# n8n with the lead-scoring node and the workflow templates inside. Build it from the root of the repository.
ARG NODE=node:22-bookworm-slim
ARG N8N=docker.n8n.io/n8nio/n8n:2.41.1

FROM ${NODE} AS build
WORKDIR /source
COPY connectors/n8n-nodes-lead-scoring/package.json connectors/n8n-nodes-lead-scoring/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY connectors/n8n-nodes-lead-scoring ./
RUN npm run --silent build && mkdir -p /package && tar -xzf "$(npm pack --silent)" -C /package --strip-components=1

FROM ${N8N}
COPY --from=build /package /opt/lead-scoring/n8n-nodes-lead-scoring
COPY workflows/*.json /opt/lead-scoring/workflows/
COPY --chmod=755 sidecar/compose/n8n-setup.sh /opt/lead-scoring/
