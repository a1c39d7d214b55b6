#!/bin/sh
# Compares the expression languages with the programs whose answers AWS gives. Exits non-zero on a difference.
#
# Needs: Java with Debian's libjsonpath-java, libjson-smart-java and libslf4j-java (JAVA_JARS, default
# /usr/share/java); Node with npm. What it compiles and installs goes to ORACLE_WORK, default target/oracles.
# ORACLE_SEED and ORACLE_COUNT choose the generated cases.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
work=${ORACLE_WORK:-${CARGO_TARGET_DIR:-$root/target}/oracles}
jars=${JAVA_JARS:-/usr/share/java}
mkdir -p "$work/jayway"

JAYWAY_CLASS_PATH=$jars/json-path.jar:$jars/slf4j-api.jar:$jars/slf4j-nop.jar:$jars/json-smart.jar
javac -cp "$JAYWAY_CLASS_PATH" -d "$work/jayway" "$here/jayway/Driver.java"

if [ -d "$here/jsonata" ]; then
    mkdir -p "$work/jsonata"
    cp "$here/jsonata/"* "$work/jsonata/"
    (cd "$work/jsonata" && npm ci --no-audit --no-fund --ignore-scripts --silent)
fi

export JAYWAY_CLASS_PATH ORACLE_WORK="$work"
cd "$root"
exec cargo test -p deputy-asl --test oracles -- --ignored --nocapture --test-threads=1 "$@"
