#!/usr/bin/env bash
# The gateway in front of Examples/flask, until Ctrl-C; then nothing of it is left.
# GATEWAY_BINARY names another binary than the one built here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=Scripts/lib.sh
source Scripts/lib.sh

Scripts/setup.sh run
binary=${GATEWAY_BINARY:-.build/release/gateway}
[[ -n ${GATEWAY_BINARY:-} ]] || Scripts/build.sh

mkdir -p run
GATEWAY_APP_SOCKET=$PWD/run/app.sock
# A unix socket's path has at most 107 bytes.
if ((${#GATEWAY_APP_SOCKET} > 107)); then
    directory=$(mktemp -d)
    GATEWAY_APP_SOCKET=$directory/app.sock
fi
export GATEWAY_APP_SOCKET
# Where the local certificate authority lives.
export GATEWAY_STATE=$PWD/run/state

app='' gateway=''
# shellcheck disable=SC2317 # the trap below calls it
stop() {
    trap '' INT TERM HUP
    # The gateway first: it finishes what it has begun while the app is still there.
    [[ -z $gateway ]] || end_group "$gateway" 15
    [[ -z $app ]] || end_group "$app" 10
    rm -f "$GATEWAY_APP_SOCKET"
    [[ -z ${directory:-} ]] || rmdir "$directory"
}
trap stop EXIT
trap 'echo; say Stopping; exit 0' INT TERM HUP

# Each in its own session, so that Ctrl-C reaches this script alone and it ends them in order; and
# the kernel ends them should this script be killed.
start() { setsid setpriv --pdeathsig TERM "$@" & }

start .venv/run/bin/gunicorn --chdir Examples/flask --bind "unix:$GATEWAY_APP_SOCKET" \
    --workers 2 --threads 4 --log-level warning app:app
app=$!
answers() { curl --silent --output /dev/null --max-time 2 --fail "$@"; }
deadline=$((SECONDS + 30))
# A gateway that finds no app looks again after ten seconds, and answers 503 until then.
until answers --unix-socket "$GATEWAY_APP_SOCKET" http://localhost/; do
    kill -0 "$app" 2>/dev/null || die "the app has stopped; its messages are above"
    ((SECONDS < deadline)) || die "no answer from the app within 30 seconds"
    sleep 0.1
done
start "$binary" run --config gateway.conf
gateway=$!

authority=run/state/internal/ca.pem
until answers http://127.0.0.1:8080/ && answers --cacert "$authority" https://localhost:8443/; do
    kill -0 "$app" 2>/dev/null || die "the app has stopped; its messages are above"
    kill -0 "$gateway" 2>/dev/null || die "the gateway has stopped; its messages are above"
    ((SECONDS < deadline)) || die "no answer from http://127.0.0.1:8080/ within 30 seconds"
    sleep 0.1
done

say 'The gateway runs. Try:'
cat <<'TEXT'
  curl -i http://127.0.0.1:8080/                  the app, through the gateway
  curl -i --cacert run/state/internal/ca.pem https://localhost:8443/
                                                  the same by https
  curl -s http://127.0.0.1:9900/metrics           what the gateway counts
  curl -i http://127.0.0.1:9900/readyz            whether it is ready
Ctrl-C ends it.
TEXT

# `wait` returns when a trap runs; the trap exits. Otherwise one of the two has ended by itself.
status=0
wait -n "$app" "$gateway" || status=$?
if kill -0 "$gateway" 2>/dev/null; then
    die "the app has stopped by itself (status $status)"
fi
die "the gateway has stopped by itself (status $status)"
