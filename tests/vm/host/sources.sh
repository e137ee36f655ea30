# shellcheck shell=bash disable=SC2154,SC2034 # the parts share their variables
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Which distribution the guests run, and where its packages come from: the guest is built from this
# machine's own release, so that what was built here runs there, and from the package sources that
# this machine already uses.

read_distribution() {
        local os_release=/etc/os-release
        [[ $(uname -m) == x86_64 ]] || cannot "the lab knows x86_64 machines only"
        [[ -r $os_release ]] || cannot "no $os_release"
        # shellcheck source=/dev/null
        distribution=$(. "$os_release" && printf '%s' "${ID:-}")
        # shellcheck source=/dev/null
        release=$(. "$os_release" && printf '%s' "${VERSION_CODENAME:-}")
        case $distribution in
        debian)
                origin=Debian
                keyring=/usr/share/keyrings/debian-archive-keyring.gpg
                ;;
        ubuntu)
                origin=Ubuntu
                keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
                ;;
        *)
                cannot "guests are made from Debian or Ubuntu packages, and this is ${distribution:-unknown}"
                ;;
        esac
        [[ -n $release ]] || cannot "no VERSION_CODENAME in $os_release"
}

# The distribution's own sources of this machine, one "URI RELEASE COMPONENT" a line.
# shellcheck disable=SC2016 # apt expands it
machine_sources() {
        if ! have_apt_lists && ((EUID == 0)); then
                with_lock apt apt-get -qq update
        fi
        apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
                'Created-By: Packages' "Origin: $origin" | sort -u
}

# sources_list RELEASE: package sources for that release, in the form of a sources.list.
sources_list() {
        local wanted=$1 uri name component options=
        [[ ! -r $keyring ]] || options="[signed-by=$keyring] "
        machine_sources | while read -r uri name component; do
                if [[ $wanted == "$release" ]]; then
                        printf 'deb %s%s %s %s\n' "$options" "$uri" "$name" "$component"
                elif [[ $name == "$release" && $component == main ]]; then
                        printf 'deb %s%s %s main\n' "$options" "$uri" "$wanted"
                fi
        done
}

# private_apt DIR TOOL ARGUMENT...: apt with a state of its own, for packages that are not meant
# for this machine. DIR/sources.list says where from.
private_apt() {
        local dir=$1 tool=$2
        shift 2
        "$tool" -qq \
                -o "Dir::State=$dir" -o "Dir::State::status=/dev/null" -o "Dir::Cache=$dir/cache" \
                -o "Dir::Etc::SourceList=$dir/sources.list" -o "Dir::Etc::SourceParts=-" \
                -o "APT::Sandbox::User=" "$@"
}
