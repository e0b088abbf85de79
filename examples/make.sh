#!/usr/bin/env bash
# Make damaged.wav, restored.wav and picture.png anew from clean.wav (which examples/compose builds):
#   bash examples/make.sh
set -euo pipefail
cd "$(dirname "$0")"

restore-audio damage clean.wav -o damaged.wav --spans damaged.spans.json --overwrite \
    --kind zeros --kind dropout --kind repeat --kind click --count 3 --seed 684
restore-audio fix damaged.wav -o restored.wav --picture picture.png --overwrite
restore-audio score clean.wav damaged.wav --spans damaged.spans.json
restore-audio score clean.wav restored.wav --spans damaged.spans.json
