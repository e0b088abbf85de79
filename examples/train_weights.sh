#!/usr/bin/env bash
# The weights that ship, from an empty folder on Debian 12 (apt-get for the music, no other download):
# about 2 GB of music, 30 GB decoded and filled, and three hours on two cores.
#
#   mkdir weights && cd weights && bash /path/to/examples/train_weights.sh
#
# MINUTES_PAPER and MINUTES_RESTORE set the budget of each training, FILLS how many gaps are filled ahead (30 a
# second and core), NETWORK what is trained for the restoration, EXTRA more of its options (else "--log-loss 0.1").
# A run that was stopped goes on: start the script again. The end of it writes models/paper.safetensors and
# models/restore.safetensors.
set -euo pipefail
MINUTES_PAPER=${MINUTES_PAPER:-55}
MINUTES_RESTORE=${MINUTES_RESTORE:-90}
FILLS=${FILLS:-100000}
NETWORK=${NETWORK:-res-unet-v2}
export OMP_NUM_THREADS=1
HERE=$(cd "$(dirname "$0")" && pwd)

# 1. Music: openly licensed Debian packages as genre/track files, split by package.
for part in train validation; do
  python "$HERE/corpus" --part "$part" --to "corpus/$part"
done

# 2. Decode once: 16 kHz mono for the paper's task, native rate and channels for the restoration's.
for part in train validation; do
  restore-audio data prepare --data "corpus/$part" --to "cache/paper-$part" --rate 16000 --mono
  restore-audio data prepare --data "corpus/$part" --to "cache/restore-$part" \
    --rate native --all-channels --max-seconds-per-track 180
done

# 3. Train both, one core each. (AR fills for the restoration's task are made first, on both cores.)
resume() { [ -e "$1/state.safetensors" ] && echo --resume || true; }

restore-audio train --task paper --prefill linear --network res-unet-v2 --width 16 \
  --data cache/paper-train --validation cache/paper-validation \
  --minutes "$MINUTES_PAPER" --validate-minutes 8 --threads 1 \
  --run runs/paper $(resume runs/paper) &
paper=$!
trap 'kill "$paper" 2>/dev/null || true' EXIT  # it writes its checkpoint and ends
restore-audio train --task restore --network "$NETWORK" --width 16 \
  --data cache/restore-train --validation cache/restore-validation --fills "$FILLS" --jobs 2 \
  --minutes "$MINUTES_RESTORE" --validate-minutes 8 --threads 1 --work cache \
  --run runs/restore $(resume runs/restore) ${EXTRA:---log-loss 0.1}
wait "$paper"

# 4. The best weights by validation score are what ships: the moving average, in 16 bit, with its card.
mkdir -p models
for task in paper restore; do
  cp "runs/$task/best.safetensors" "models/$task.safetensors"
  restore-audio models verify "models/$task.safetensors"
done
