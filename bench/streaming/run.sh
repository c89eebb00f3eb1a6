#!/usr/bin/env bash
# Streams the same photos by Atelier, by other loaders and by plain C, and prints one table. README.md says what it means.
#
#   bench/streaming/run.sh [PHOTOS [REPETITIONS]]     1000 photos and 3 repetitions unless told otherwise
#
# Everything it makes or installs lies in build/bench-streaming; the web server is an nginx of its own on loopback.
set -euo pipefail
cd "$(dirname "$0")/../.."

PHOTOS=${1:-1000}
REPETITIONS=${2:-3}
ROOT=$PWD/build/bench-streaming
PORT=8479
BASE=http://127.0.0.1:$PORT
DATA=$ROOT/$PHOTOS
ATELIER=$PWD/build/release/bin/atelier-data
PYTHON=$ROOT/venv/bin/python
export PATH=$PATH:/usr/sbin

say() { printf '\033[1m==> %s\033[0m\n' "$*" >&2; }
stop() { printf 'run.sh: %s\n' "$*" >&2; exit 2; }

[[ -x $ATELIER ]] || stop "build/release/bin/atelier-data is missing; run scripts/setup.sh"
mkdir -p "$ROOT/nginx"

if ! "$PYTHON" -c 'import cv2, litdata, requests, simplejpeg, skimage, sklearn, torch, webdataset' 2>/dev/null; then
  say "Installing the other loaders into build/bench-streaming/venv (once)"
  python3 -m venv "$ROOT/venv"
  "$PYTHON" -m pip install --quiet --disable-pip-version-check torch==2.13.0
  "$PYTHON" -m pip install --quiet --disable-pip-version-check numpy==2.3.5 opencv-python-headless==5.0.0.93 \
    pillow==13.0.0 requests==2.34.2 scikit-image==0.26.0 scikit-learn==1.9.1 simplejpeg==1.9.0 webdataset==1.0.2 \
    boto3==1.44.5 filelock==4.2.11 lightning-utilities==0.15.3 obstore==0.12.1 tifffile==2026.3.3
  "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps litdata==0.2.76  # with them it asks for torchvision
fi
if [[ ! -s $DATA/small/photos.txt || ! -s $DATA/photos.txt ]]; then
  say "Making $PHOTOS photos"
  "$PYTHON" bench/streaming/make_photos.py "$DATA" "$PHOTOS" "$BASE"
fi
gcc -O3 -march=native -Wall -Wextra -Werror -o "$ROOT/reference" bench/streaming/reference.c -lcurl -lturbojpeg -lpthread

cat >"$ROOT/nginx/nginx.conf" <<CONF
daemon off;
$( ((EUID != 0)) || echo "user root;" )
worker_processes 1;
error_log stderr warn;
pid nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on; tcp_nopush on;
  types { image/jpeg jpg; }
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_timeout 600s; keepalive_requests 10000000;
  open_file_cache max=20000 inactive=600s;
  server { listen 127.0.0.1:$PORT; root "$DATA"; }
}
CONF
setpriv --pdeathsig TERM nginx -p "$ROOT/nginx/" -c nginx.conf -e stderr &  # it dies with this script
SERVER=$!
trap 'kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true' EXIT
answers() {  # our own list, not somebody else's server
  "$PYTHON" -c "
import sys, urllib.request
sys.exit(urllib.request.urlopen('$BASE/photos.txt', timeout=2).read() != open('$DATA/photos.txt', 'rb').read())" 2>/dev/null
}
for _ in {1..50}; do answers && break; sleep 0.1; done
answers || stop "nginx does not serve $DATA on 127.0.0.1:$PORT; is another program on that port?"

say "Packing the stores"
for folder in "$DATA" "$DATA/small"; do
  "$ATELIER" pack "$folder/photos.txt" "$folder/store" --data.allow_private true >/dev/null 2>&1
done

say "Running"
"$PYTHON" bench/streaming/compare.py "$DATA" "$BASE" "$REPETITIONS" "$ATELIER" "$ROOT/reference"
