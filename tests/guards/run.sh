#!/usr/bin/env bash
# Shows that tests can fail: takes one guard out of the code at a time and expects the test that is named for the attack
# to fail. A test that still passes proves nothing, and is an error here; so is a patch that does not apply or compile.
#
#   tests/guards/run.sh                    every guard
#   tests/guards/run.sh --random 10        ten drawn at random (the seed is printed; --seed N repeats a draw)
#   tests/guards/run.sh 038 atk-116        all guards of these attack ids
#   tests/guards/run.sh --list             what there is, and the ids of tests that have no guard yet
#
# A guard is a file NNN-what-is-removed.patch: a header of `key: value` lines, then a diff against the root.
#
#   guard: what the removed lines do
#   cargo: -p causeway-core --test tree       cargo test's selection, or
#   forge: yes                                a test of the contracts
#   test:  the test that must fail
#
# Works in a copy (target/guards/tree by default, $CAUSEWAY_GUARDS elsewhere), so the tree itself is never touched.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 2
root=$PWD
patches=$root/tests/guards
copy=${CAUSEWAY_GUARDS:-$root/target/guards}/tree
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target/guards/build} CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
export CAUSEWAY_VECTORS=${CAUSEWAY_VECTORS:-$root/../shared/vectors} CAUSEWAY_RECORDED=${CAUSEWAY_RECORDED:-$root/../shared/recorded}
DEADLINE=900 # seconds for one build or one test

field() { sed -n "s/^$2: *//p;/^--- /q" "$1" | head -1; }

# Attack ids in the names of tests, one a line.
tested_ids() {
  git grep -hoE '(fn|function) [a-z_0-9]*atk_[0-9]{3}[a-z_0-9]*' -- '*.rs' '*.sol' | grep -oE 'atk_[0-9]{3}(_[0-9]{3}(_|$))*' |
    grep -oE '[0-9]{3}' | sort -u
}

list() {
  for patch in "$patches"/*.patch; do
    printf '%-44s %s\n' "$(basename "$patch" .patch)" "$(field "$patch" guard)"
  done
  local guarded; guarded=$(ls "$patches" | sed -n 's/^\([0-9]\{3\}\)-.*\.patch$/\1/p' | sort -u)
  printf '\nids with tests: %s\nids with guards: %s\nno guard yet: %s\n' "$(tested_ids | wc -l)" "$(wc -w <<<"$guarded")" \
    "$(comm -23 <(tested_ids) <(echo "$guarded") | paste -sd' ')"
}

random='' seed=${SEED:-$RANDOM} ids=()
while [ $# -gt 0 ]; do
  case $1 in
  --list) list; exit ;;
  --random) random=${2:?--random needs a number}; shift 2 ;;
  --seed) seed=${2:?--seed needs a number}; shift 2 ;;
  -*) echo "unknown option $1; see the head of $0" >&2; exit 2 ;;
  *) ids+=("$(grep -oE '[0-9]{3}' <<<"$1")"); shift ;;
  esac
done

chosen=()
for patch in "$patches"/*.patch; do
  id=$(basename "$patch" | cut -c1-3)
  [ ${#ids[@]} -eq 0 ] || [[ " ${ids[*]} " == *" $id "* ]] && chosen+=("$patch")
done
if [ -n "$random" ]; then
  echo "seed $seed (repeat with --seed $seed)"
  mapfile -t chosen < <(printf '%s\n' "${chosen[@]}" |
    shuf -n "$random" --random-source=<(openssl enc -aes-256-ctr -pass "pass:$seed" -nosalt -pbkdf2 </dev/zero 2>/dev/null) | sort)
fi
[ ${#chosen[@]} -gt 0 ] || { echo "no guard of that id" >&2; exit 2; }

# ---- the copy: what git would commit, written afresh so that cargo builds it ----
rm -rf "$copy" && mkdir -p "$copy"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
  [ -e "$file" ] && printf '%s\0' "$file"
done | tar --null -T - -cf - | tar -xmf - -C "$copy" || exit 2

contracts=deploy/contracts/evm
forge_ready() {
  [ -d "$copy/$contracts/node_modules" ] && return
  [ -d "$root/$contracts/node_modules" ] || (cd "$root/$contracts" && npm ci --silent) || return 1
  ln -s "$root/$contracts/node_modules" "$copy/$contracts/node_modules"
}
forge() { (cd "$copy/$contracts" && timeout -k 5 $DEADLINE "$(ls node_modules/@foundry-rs/forge-*/bin/forge | head -1)" "$@"); }

# Builds, then runs the test; 0 = the guard's absence was noticed.
judge() {
  local patch=$1 log=$2 test; test=$(field "$patch" test)
  if [ "$(field "$patch" forge)" ]; then
    forge_ready || { echo "cannot prepare forge"; return 1; }
    forge build --quiet >"$log" 2>&1 || { echo "does not compile without it"; return 1; }
    forge test --match-test "$test" >"$log" 2>&1 && { echo "the test passes without it"; return 1; }
    grep -qE '^\[FAIL' "$log" || { echo "the test did not run"; return 1; }
    return 0
  fi
  local select; read -ra select <<<"$(field "$patch" cargo)"
  (cd "$copy" && timeout -k 5 $DEADLINE cargo test --quiet "${select[@]}" --no-run) >"$log" 2>&1 ||
    { echo "does not compile without it"; return 1; }
  (cd "$copy" && timeout -k 5 $DEADLINE cargo test "${select[@]}" -- "$test") >"$log" 2>&1
  case $? in
  0) if grep -qE 'test result: ok\. [1-9]' "$log"; then echo "the test passes without it"; else echo "no such test"; fi; return 1 ;;
  124 | 137) echo "the test did not end in $DEADLINE s"; return 1 ;;
  esac
  grep -qE 'test result: FAILED' "$log" || { echo "the test did not run to a verdict"; return 1; }
}

failed=0
log=$(mktemp)
for patch in "${chosen[@]}"; do
  name=$(basename "$patch" .patch)
  started=$SECONDS
  if ! (cd "$copy" && patch -p1 --forward --silent --fuzz=2 --no-backup-if-mismatch <"$patch" >"$log" 2>&1); then
    why="the patch does not apply"
  else
    why=$(judge "$patch" "$log")
  fi
  # Whatever the patch touched comes back, with a new time stamp.
  sed -n 's,^+++ b/\([^[:space:]]*\).*,\1,p' "$patch" | while read -r file; do
    cp "$root/$file" "$copy/$file"; rm -f "$copy/$file".{orig,rej}
  done
  if [ -z "$why" ]; then
    printf 'ok    %-44s %4ss  %s fails without it\n' "$name" $((SECONDS - started)) "$(field "$patch" test)"
  else
    failed=$((failed + 1))
    printf 'WRONG %-44s %4ss  %s: %s\n' "$name" $((SECONDS - started)) "$(field "$patch" test)" "$why"
    tail -15 "$log" | sed 's/^/      /'
  fi
done
rm -f "$log"
echo "$((${#chosen[@]} - failed)) of ${#chosen[@]} guards are held by their tests"
[ $failed -eq 0 ]
