# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# What the scripts share: messages, timed steps and waiting. Sourced, never run; it changes nothing by itself.

# shellcheck disable=SC2034
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# What scripts/setup installs first and all later steps rely on, in their Debian names.
# shellcheck disable=SC2034
BUILD_PACKAGES=(build-essential clang libclang-rt-14-dev libclang-14-dev llvm clang-format clang-tidy ninja-build
    cmake ccache pkg-config bpftool libbpf-dev libelf-dev zlib1g-dev libcli11-dev libgtest-dev libgmock-dev
    libbenchmark-dev libfmt-dev nlohmann-json3-dev libexpected-dev libnl-3-dev libnl-route-3-dev libpcap-dev libcairo2-dev fonts-dejavu-core iproute2 ethtool procps netbase)
# For the demo, the tests and the virtual machines. dnsmasq-base is the server alone, and redis-tools has redis's, both without a service.
# shellcheck disable=SC2034
DEMO_PACKAGES=(python3 dnsmasq-base bind9-dnsutils curl iperf3 nmap tcpdump tshark strace shellcheck redis-tools
    qemu-system-x86 busybox-static cpio kmod xdp-tools)
# For the tests, servers that bring a service, which scripts/setup neither starts nor enables: each with its unit.
# shellcheck disable=SC2034
declare -A SERVICE_PACKAGES=([openssh-server]=ssh [nginx]=nginx [postgresql-15]=postgresql)

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$(basename "$0"): $1"
    exit "${2:-1}"
}

# The comment block at the top of a script is its help: from the line after the SPDX line to the first other line.
print_usage() { sed -n '3,/^[^#]/{s/^# \{0,1\}//p}' "$1"; }

is_root() { [ "$(id -u)" -eq 0 ]; }

now_ms() { date +%s%3N; }

# elapsed START_MS: seconds since then with one decimal.
elapsed() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# step NAME COMMAND...: runs it quietly and prints one line with the time taken; what it wrote is shown only when it
# fails, whole, also where steps run beside each other. On a terminal the name stands there while it runs, unless
# STEP_BESIDE says that another step's does. Returns what the command returned.
step() {
    local name=$1 log start status=0
    shift
    log=$(mktemp)
    start=$(now_ms)
    if [ -t 2 ] && [ -z "${STEP_BESIDE:-}" ]; then printf '  ...  %s' "$name" >&2; fi
    "$@" >"$log" 2>&1 || status=$?
    (
        flock 9 || true # not every file system has locks
        if [ -t 2 ]; then printf '\r\033[K' >&2; fi
        if [ "$status" -eq 0 ]; then
            printf '  ok    %-28s %s\n' "$name" "$(elapsed "$start")" >&2
        else
            cat "$log" >&2
            printf '  FAIL  %-28s %s\n' "$name" "$(elapsed "$start")" >&2
        fi
    ) 9<"${BASH_SOURCE[0]}"
    rm -f "$log"
    return "$status"
}

# wait_for SECONDS COMMAND...: asks again and again until the command succeeds; fails when the time is over.
wait_for() {
    local deadline=$(($(now_ms) + $1 * 1000))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}
