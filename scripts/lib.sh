# Shared by the scripts; sourced, not run. Defines $root, the repository's folder, whatever the working directory.
set -euo pipefail

root=$(dirname -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")")
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

fail() {
  printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2
  exit 1
}

need_dotnet() {
  command -v dotnet >/dev/null || fail "the .NET SDK 10 is needed; 'dotnet' is not in PATH."
}

# What a build depends on: every source file with its size and time.
fingerprint() {
  find "$root/src" "$root/tests/Elt.Testing" "$root/tests/Elt.Benchmarks" "$root/Directory.Build.props" "$root/Directory.Packages.props" "$root/.editorconfig" "$root/BannedSymbols.txt" "$root/global.json" \
    \( -name bin -o -name obj \) -prune -o -type f -printf '%p %s %T@\n' | LC_ALL=C sort | cksum
}

# build FOLDER/PROJECT ASSEMBLY: builds it in Release unless nothing changed since the last time; sets $program to its file.
build() {
  local folder=$1 project state="$root/.build" now
  project=$(basename -- "$folder")
  program="$root/$folder/bin/Release/net10.0/$2.dll"
  need_dotnet
  now=$(fingerprint)
  [ -f "$program" ] || rm -f "$state/$project.built"
  if [ "$(cat "$state/$project.built" 2>/dev/null)" = "$now" ]; then
    return
  fi
  mkdir -p "$state"
  (
    flock 9
    # Somebody else may have built it while this one waited.
    [ "$(cat "$state/$project.built" 2>/dev/null)" != "$now" ] || exit 0
    [ ! -t 2 ] || printf 'Building %s …\n' "$project" >&2
    if ! dotnet build "$root/$folder" -c Release -v quiet >"$state/$project.log" 2>&1; then
      cat "$state/$project.log" >&2
      fail "$project does not build."
    fi
    printf '%s\n' "$now" >"$state/$project.built"
  ) 9>"$state/lock"
}
