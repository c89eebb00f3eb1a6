#!/usr/bin/env bash
# From nothing to designs: installs and builds what is missing, makes a list of 820 furniture pictures, serves them on
# loopback, trains pix2pix on the stream, and draws variations of pieces that the model has never seen.
#
#   scripts/demo.sh [--short]        --short: a few steps only, to see that everything works
#
# Leaves under runs/demo/: data/ (list and images), train/ (the run folder), variations.json and variations.png.
# A run that was interrupted goes on where it stopped; remove runs/demo to start anew.
set -euo pipefail
cd "$(dirname "$0")/.."

RUN=runs/demo
TRAINING=()
LIMIT=0.12  # what the held-out L1 (pixels 0..1) must fall under
if [[ ${1:-} == --short ]]; then
  RUN=runs/demo-short
  LIMIT=
  TRAINING=(--train.epochs 2 --train.steps_per_epoch 10)
elif (($#)); then
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"; exit 2
fi

say() { printf '\n\033[1m==> %s\033[0m\n' "$*" >&2; }

# The list holds the server's address, and a run's list must not change: one port for good, unless it is taken.
free_port() {
  python3 - "$1" <<'PYTHON'
import socket, sys
for port in [int(sys.argv[1]), 0]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try: probe.bind(("127.0.0.1", port))
        except OSError: continue
        print(probe.getsockname()[1]); break
PYTHON
}

answers() {  # our own list, not somebody else's server
  python3 -c "
import sys, urllib.request
theirs = urllib.request.urlopen('http://127.0.0.1:$PORT/furniture.jsonl', timeout=2).read()
sys.exit(theirs != open('$RUN/data/furniture.jsonl', 'rb').read())" 2>/dev/null
}

serve() {  # an nginx of our own, stopped however the demo ends
  mkdir -p "$RUN/nginx"
  cat >"$RUN/nginx/nginx.conf" <<CONF
daemon off;
$( ((EUID != 0)) || echo "user root;" )
worker_processes 1;
error_log stderr warn;
pid nginx.pid;
events { worker_connections 256; }
http {
  access_log access.log;
  types { image/png png; }
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_requests 100000;
  server { listen 127.0.0.1:$PORT; root "$PWD/$RUN/data"; }
}
CONF
  setpriv --pdeathsig TERM nginx -p "$PWD/$RUN/nginx/" -c nginx.conf -e stderr &  # it dies with this script
  SERVER=$!
  trap 'kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true' EXIT  # Ctrl-C stops it, too
  for _ in {1..50}; do
    if kill -0 "$SERVER" 2>/dev/null && answers; then return; fi
    sleep 0.1
  done
  echo "demo.sh: nginx does not serve $RUN/data on 127.0.0.1:$PORT; is another program on that port? Remove $RUN/port to take another." >&2
  exit 1
}

scripts/setup.sh release programs
BIN=build/release/bin
export PATH=$PATH:/usr/sbin

say "Making the list"
mkdir -p "$RUN"
[[ -s $RUN/port ]] || free_port 8478 >"$RUN/port"
PORT=$(<"$RUN/port")
python3 scripts/furniture.py --out "$RUN/data" --base-url "http://127.0.0.1:$PORT"
serve

say "Training on the stream"
"$BIN/atelier-train" --config configs/sketch-64.yaml --data.list "$RUN/data/furniture.jsonl" --data.allow_private true \
  --train.run_dir "$RUN/train" "${TRAINING[@]}"
python3 scripts/curve.py "$RUN/train/metrics.jsonl" ${LIMIT:+--below "$LIMIT"}

say "Drawing variations of pieces held out of training"
"$BIN/atelier-data" stream "$RUN/data/furniture.jsonl" --config configs/sketch-64.yaml --data.allow_private true \
  --held-out --dump 100 | python3 scripts/held_out_requests.py "$RUN/data/furniture.jsonl" --images "$RUN/data/images" >"$RUN/requests.jsonl"
"$BIN/atelier-generate" --checkpoint "$RUN/train" --requests "$RUN/requests.jsonl" --grid "$RUN/variations.png" \
  >"$RUN/variations.json.partial"
mv "$RUN/variations.json.partial" "$RUN/variations.json"

say "Done. Look at $RUN/variations.png: the sketch, the real piece (never seen in training), eight variations."
