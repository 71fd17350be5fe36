#!/bin/sh
# Drydock in any pipeline. DRYDOCK is how the command is called. Ends with the gate's exit code: 0 good, 1 failed.
set -eu
: "${DRYDOCK:=npx --no-install drydock}"
$DRYDOCK gate --cache "${DRYDOCK_CACHE:-.drydock-cache}" \
  --format pretty --format junit=drydock.xml --format html=drydock.html
