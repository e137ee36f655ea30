# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What a build or a test needs of this machine, and how to get it without touching anything else.
#
# A need is seen by what it does (a command runs, pkg-config knows a library), not by a package name,
# so that what somebody built by hand counts too. Only what is missing is installed; the package
# manager is first asked what it would do, and an answer that upgrades, downgrades or removes anything
# is refused: this may run on a host in trouble, where a restarted systemd or libc is the last thing
# wanted. A development package that insists on an upgrade of its library is unpacked beside the
# build instead (Debian family): its headers, and the library that is installed.
#
# Sourced by packaging/quickstart and tests/run. Functions answer 0 for done, 77 for "not on this
# machine" (and have then said what is missing), 1 for failed.

# name | seen by | package of Debian and Ubuntu | package of Fedora and RHEL
# shellcheck disable=SC2034 # used by name
NEEDS_BUILD='
compiler|compile:|gcc libc6-dev|gcc glibc-devel
meson|command:meson|meson|meson
ninja|command:ninja ninja-build samu|ninja-build|ninja-build
pkg-config|command:pkg-config pkgconf|pkgconf|pkgconf-pkg-config
libsystemd|library:libsystemd >= 249|libsystemd-dev|systemd-devel
inih|library:inih|libinih-dev|inih-devel
libnuma|header:numaif.h|libnuma-dev|numactl-devel
libcgroup|library:libcgroup|libcgroup-dev|libcgroup-devel
libsmartcols|library:smartcols|libsmartcols-dev|libsmartcols-devel
json-c|library:json-c|libjson-c-dev|json-c-devel
'
# shellcheck disable=SC2034
NEEDS_UNIT='
sanitizers|sanitize:|gcc|libasan libubsan
nm|command:nm|binutils|binutils
'
# shellcheck disable=SC2034
NEEDS_LINT='
clang|command:clang|clang|clang
clang-format|command:clang-format clang-format-14|clang-format|clang-tools-extra
clang-tidy|command:clang-tidy|clang-tidy|clang-tools-extra
cppcheck|command:cppcheck|cppcheck|cppcheck
shellcheck|command:shellcheck|shellcheck|ShellCheck
'
# shellcheck disable=SC2034
NEEDS_VM='
qemu|command:qemu-system-x86_64|qemu-system-x86|qemu-system-x86-core
mmdebstrap|command:mmdebstrap|mmdebstrap|mmdebstrap
mke2fs|command:mke2fs /sbin/mke2fs|e2fsprogs|e2fsprogs
'

packages_say() { printf '%s\n' "$*"; }

# Any of several commands.
_need_command() {
        local name
        for name in $1; do
                command -v "$name" >/dev/null 2>&1 && return 0
        done
        return 1
}

# The words of CC, one a line: meson splits it as a shell would ("ccache gcc", "'/opt/my cc' -m64").
_compiler_words() { printf '%s\n' "${CC:-cc}" | xargs -n 1; }

_need_compile() {
        local source=$1 compiler
        shift
        mapfile -t compiler < <(_compiler_words)
        printf '%s\n' "$source" |
                "${compiler[@]}" -x c "$@" -o /dev/null - >/dev/null 2>&1
}

need_is_met() {
        local kind=${1%%:*} what=${1#*:} tool
        case $kind in
        command) _need_command "$what" ;;
        compile) _need_compile '#include <stdio.h>
int main(void) { return puts("") < 0; }' ;;
        header) _need_compile "#include <$what>" -c ;;
        sanitize) _need_compile 'int main(void) { return 0; }' -fsanitize=address,undefined ;;
        library)
                tool=$(command -v pkg-config || command -v pkgconf) || return 1
                "$tool" --exists "$what" 2>/dev/null
                ;;
        *) packages_say "unknown kind of need: $1" >&2 && return 1 ;;
        esac
}

# The rows of the tables given whose need is not met, each once.
needs_missing() {
        local row name seen rest
        printf '%s\n' "$@" | while IFS='|' read -r name seen rest; do
                [ -n "$name" ] || continue
                row="$name|$seen|$rest"
                need_is_met "$seen" || printf '%s\n' "$row"
        done | awk '!seen[$0]++'
}

# debian, fedora, or other, by the os-release file given.
package_family() {
        local id
        for id in $(sed -n 's/^ID\(_LIKE\)\{0,1\}=//p' "$1" 2>/dev/null | tr -d \"\'); do
                case $id in
                debian | ubuntu) echo debian && return ;;
                fedora | rhel | centos) echo fedora && return ;;
                esac
        done
        echo other
}

system_name() {
        sed -n 's/^PRETTY_NAME=//p' /etc/os-release 2>/dev/null | tr -d \"\' | grep . ||
                uname -sr
}

# Packages of a family for rows on standard input, one a line, each once.
packages_of() {
        local column=3
        [ "$1" = fedora ] && column=4
        awk -F'|' -v c="$column" '{ n = split($c, p, " "); for (i = 1; i <= n; i++) if (!seen[p[i]]++) print p[i] }'
}

# --- Debian, Ubuntu -------------------------------------------------------------------------------

# NEEDRESTART_*: Ubuntu's hook restarts services after any installation unless told not to.
_apt_get() {
        LC_ALL=C DEBIAN_FRONTEND=noninteractive APT_LISTCHANGES_FRONTEND=none \
                NEEDRESTART_SUSPEND=1 NEEDRESTART_MODE=l \
                apt-get -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

_apt_install() { _apt_get "$@" install --no-install-recommends --no-upgrade -- "${packages[@]}"; }

# What a simulated run would do to packages that are there: "upgrade NAME", "remove NAME". Reads the
# simulation; "Inst NAME [OLD] (NEW" is an upgrade, "Inst NAME (NEW" is new.
apt_harm() {
        awk '$1 == "Remv" { print "remove " $2 } $1 == "Inst" && $3 ~ /^\[/ { print "upgrade " $2 }'
}

apt_news() { awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }'; }

_apt_simulate() {
        simulated=$(_apt_install -s 2>&1) && return 0
        packages_say "Asking the archive what there is (apt-get update) ..."
        _apt_get -q update >/dev/null 2>&1 ||
                packages_say "  not reachable; going by what is known here."
        simulated=$(_apt_install -s 2>&1)
}

# Unpacks into $1 the packages that cannot be had without an upgrade, and makes their .pc files and
# library links good there. Leaves the rest in `packages`.
_apt_unpack_beside() {
        local stage=$1 package keep=() link target
        mkdir -p "$stage/deb" || return 1
        for package in "${packages[@]}"; do
                if [ -z "$(LC_ALL=C apt-get -s install --no-install-recommends -- "$package" \
                        2>/dev/null | apt_harm)" ]; then
                        keep+=("$package")
                        continue
                fi
                case $package in
                lib*-dev) ;;
                *) return 77 ;;
                esac
                (cd "$stage/deb" && _apt_get -q download "$package" >/dev/null 2>&1) || return 77
                dpkg -x "$stage/deb/$package"_*.deb "$stage" || return 1
                packages_say "  $package is unpacked into $stage instead, nothing is installed."
        done
        find "$stage/usr" -name '*.pc' -exec sed -i "s|^\([a-z_]*\)=/usr|\1=$stage/usr|" {} +
        # The package's link names the library of its own version; the one installed here will do.
        find "$stage/usr" -name 'lib*.so' -type l | while read -r link; do
                target=$(ldconfig -p | awk -v n="${link##*/}." 'index($1, n) == 1 { print $NF; exit }')
                [ -n "$target" ] && ln -sf "$target" "$link"
        done
        packages=("${keep[@]}")
}

# $1: a directory beside the build for what must not be installed.
_install_debian() {
        local stage=$1 simulated harm
        _apt_simulate || {
                packages_say "These packages cannot be had from the archives that this machine knows:"
                printf '%s\n' "$simulated" | grep -E '^(E:|  )' | sed 's/^/  /'
                grep -qx 'ID="\{0,1\}ubuntu"\{0,1\}' /etc/os-release &&
                        packages_say "On Ubuntu they are in the component universe (add-apt-repository universe)."
                return 77
        }
        harm=$(printf '%s\n' "$simulated" | apt_harm)
        if [ -n "$harm" ]; then
                packages_say "Installing them would change what is there, so that is not done:"
                printf '%s\n' "$harm" | sed 's/^/  /'
                if ! _apt_unpack_beside "$stage" ||
                        [ -n "$(_apt_install -s 2>/dev/null | apt_harm)" ]; then
                        packages_say "Upgrade these by the means of this machine, then call this again."
                        return 77
                fi
                [ "${#packages[@]}" -gt 0 ] || return 0
                simulated=$(_apt_install -s 2>&1)
        fi
        packages_say "Installing, with what they depend on (no upgrade, no removal, no service restarted):"
        printf '%s\n' "$simulated" | apt_news | tr '\n' ' ' | fold -s -w 92 | sed 's/^/  /'
        echo
        _apt_install -y -q >"$stage.log" 2>&1 && return 0
        # A list that names files which the archive has replaced since.
        _apt_get -q update >/dev/null 2>&1
        [ -z "$(_apt_install -s 2>/dev/null | apt_harm)" ] &&
                _apt_install -y -q >"$stage.log" 2>&1 && return 0
        packages_say "The package manager failed:"
        tail -n 15 "$stage.log" | sed 's/^/  /'
        return 1
}

# --- Fedora, RHEL ---------------------------------------------------------------------------------

_dnf_install() {
        LC_ALL=C dnf --setopt=install_weak_deps=False "$@" install -- "${packages[@]}" </dev/null 2>&1
}

# Headings of a transaction summary that change what is there; dnf 4 and 5 spell them alike.
dnf_harm() {
        awk '/^[A-Z][A-Za-z ]*:$/ { bad = /^(Upgrading|Downgrading|Removing|Reinstalling|Replacing)/; next }
             bad && NF > 3 { print "change " $1 }'
}

dnf_absent() {
        sed -n -e 's/^.*No match for argument: *//p' -e 's/^.*Unable to find a match: *//p' |
                tr ' ' '\n' | sed 's/\x1b\[[0-9;]*m//g' | grep . | sort -u
}

_install_fedora() {
        local stage=$1 simulated absent harm
        simulated=$(_dnf_install --assumeno)
        absent=$(printf '%s\n' "$simulated" | dnf_absent)
        if [ -n "$absent" ]; then
                packages_say "These packages are in none of the repositories that are enabled here:"
                printf '%s\n' "$absent" | sed 's/^/  /'
                packages_say "On RHEL 9 and its rebuilds the development packages come from CodeReady Builder"
                packages_say "(subscription-manager repos --enable codeready-builder-for-rhel-9-$(uname -m)-rpms;"
                packages_say "elsewhere: dnf config-manager --set-enabled crb), the rest from EPEL (dnf install"
                packages_say "epel-release). What is in neither must be built from its source; pkg-config finds it."
                return 77
        fi
        harm=$(printf '%s\n' "$simulated" | dnf_harm)
        if [ -n "$harm" ]; then
                packages_say "Installing them would change what is there, so that is not done:"
                printf '%s\n' "$harm" | sed 's/^/  /'
                packages_say "Upgrade these by the means of this machine, then call this again."
                return 77
        fi
        packages_say "Installing, with what they depend on (no upgrade, no removal, no service restarted) ..."
        _dnf_install -y -q >"$stage.log" && return 0
        packages_say "The package manager failed:"
        tail -n 15 "$stage.log" | sed 's/^/  /'
        return 1
}

# --------------------------------------------------------------------------------------------------

# install_needs STAGE TABLE...: makes sure that all needs of the tables are met. STAGE is a directory
# name that may be created for what is unpacked rather than installed; what lies there is used by
# use_unpacked.
install_needs() {
        local stage=$1 missing family packages
        shift
        use_unpacked "$stage"
        missing=$(needs_missing "$@")
        [ -n "$missing" ] || return 0

        packages_say "Missing here ($(system_name)):"
        printf '%s\n' "$missing" | cut -d'|' -f1 | tr '\n' ' ' | sed 's/^/  /'
        echo
        family=$(package_family /etc/os-release)
        case $family in
        debian) _need_command apt-get || family=other ;;
        fedora) _need_command dnf || family=other ;;
        esac
        if [ "$family" = other ]; then
                packages_say "This distribution is not known here. Its packages for the above, development files"
                packages_say "included, are what is needed; everything is found through PATH and pkg-config."
                return 77
        fi
        mapfile -t packages < <(printf '%s\n' "$missing" | packages_of "$family")
        packages_say "Packages: ${packages[*]}"
        if [ "$(id -u)" -ne 0 ]; then
                packages_say "Installing them needs root. Call this again with sudo, or install them yourself."
                return 77
        fi
        mkdir -p "$(dirname "$stage")" || return 1
        "_install_$family" "$stage" || return
        use_unpacked "$stage"
        missing=$(needs_missing "$@")
        [ -z "$missing" ] && return 0
        packages_say "Still missing after the installation: $(printf '%s\n' "$missing" | cut -d'|' -f1 | tr '\n' ' ')"
        return 1
}

# Lets pkg-config find what an earlier call unpacked below $1.
use_unpacked() {
        local directory
        for directory in "$1"/usr/lib/*/pkgconfig "$1"/usr/lib/pkgconfig "$1"/usr/share/pkgconfig; do
                [ -d "$directory" ] || continue
                PKG_CONFIG_PATH=$directory${PKG_CONFIG_PATH:+:$PKG_CONFIG_PATH}
                export PKG_CONFIG_PATH
        done
}
