// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <xdemux/base/number.h>
#include <xdemux/kernel/bpffs.h>
#include <xdemux/kernel/link.h>
#include <xdemux/kernel/pins.h>
#include <xdemux/kernel/socket_lookup.h>

namespace xdemux {
namespace {

constexpr std::string_view link_prefix = "link_";

std::string root() {
    return fmt::format("{}/xdemux", PinDirectory::bpffs);
}

bool present(const std::string& path) {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0;
}

/// The entries of a directory; none where it is not there.
Result<std::vector<std::string>> entries(const std::string& path) {
    std::vector<std::string> names;
    std::error_code error;
    for (std::filesystem::directory_iterator each(path, error), end; !error && each != end; each.increment(error))
        names.push_back(each->path().filename().string());
    if (error && error.value() != ENOENT) return fail_system(error.value(), fmt::format("cannot read \"{}\"", path));
    std::sort(names.begin(), names.end());
    return names;
}

Status make_directory(const std::string& path) {
    if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return fail_system(errno, fmt::format("cannot make \"{}\"", path));
}

Status pin_object(int fd, const std::string& path) {
    if (::bpf_obj_pin(fd, path.c_str()) == 0) return {};
    return fail_system(errno, fmt::format("cannot pin \"{}\"", path));
}

Status unpin(const std::string& path) {
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return fail_system(errno, fmt::format("cannot remove \"{}\"", path));
}

Status move(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) == 0) return {};
    return fail_system(errno, fmt::format("cannot rename \"{}\" to \"{}\"", from, to));
}

Status remove_tree(const std::string& path) {
    const auto names = entries(path);
    if (!names) return fail(names.error());
    for (const auto& name : *names) {
        if (auto done = unpin(fmt::format("{}/{}", path, name)); !done) return done;
    }
    if (::rmdir(path.c_str()) == 0 || errno == ENOENT) return {};
    return fail_system(errno, fmt::format("cannot remove \"{}\"", path));
}

Result<Fd> open_pin(const std::string& path) {
    const int fd = ::bpf_obj_get(path.c_str());
    if (fd >= 0) return Fd(fd);
    const int error_number = errno;
    if (error_number == ENOENT) return fail(ErrorKind::not_loaded, fmt::format("nothing is pinned at \"{}\"", path));
    return fail_system(error_number, fmt::format("cannot open \"{}\"", path));
}

/// The first failure of the two; both were tried.
Status either(Status first, Status second) {
    return first ? std::move(second) : std::move(first);
}

}  // namespace

PinDirectory PinDirectory::coming_one() const {
    return {instance_, instance_ + "~new"};
}

PinDirectory PinDirectory::going_one() const {
    return {instance_, instance_ + "~old"};
}

std::string PinDirectory::path() const {
    return fmt::format("{}/{}", root(), folder_);
}

std::string PinDirectory::path_of(std::string_view pin) const {
    return fmt::format("{}/{}", path(), pin);
}

std::string PinDirectory::link_path(std::uint32_t ifindex) const {
    return path_of(fmt::format("{}{}", link_prefix, ifindex));
}

bool PinDirectory::exists() const {
    return present(path());
}

bool PinDirectory::has(std::string_view pin) const {
    return present(path_of(pin));
}

Result<Fd> PinDirectory::open(std::string_view pin) const {
    return open_pin(path_of(pin));
}

Result<Fd> PinDirectory::open_link(std::uint32_t ifindex) const {
    return open_pin(link_path(ifindex));
}

Result<Fd> PinDirectory::open_settings() const {
    if (has("settings_new") && !has("prog_new")) {
        // Where it is gone by now, it has just been given the other name.
        if (auto pinned = open("settings_new"); pinned) return pinned;
    }
    return open("settings");
}

Result<std::vector<LinkPin>> PinDirectory::links() const {
    const auto names = entries(path());
    if (!names) return fail(names.error());
    std::vector<LinkPin> found;
    for (const auto& name : *names) {
        if (!name.starts_with(link_prefix)) continue;
        const auto ifindex = whole_number<std::uint32_t>(std::string_view(name).substr(link_prefix.size()));
        if (ifindex) found.push_back({*ifindex, path_of(name)});
    }
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.ifindex < b.ifindex; });
    return found;
}

Status PinDirectory::create(const LoadedObject& object) {
    PinDirectory coming = coming_one();
    if (auto made = make_directory(root()); !made) return made;
    if (auto made = make_directory(coming.path()); !made) return made;
    Status done = pin_object(object.program(), coming.path_of("prog"));
    if (done) done = pin_object(object.settings(), coming.path_of("settings"));
    for (const auto& [name, fd] : object.tables()) {
        if (done) done = pin_object(fd.get(), coming.path_of(name));
    }
    if (!done) return either(std::move(done), coming.clear());
    *this = std::move(coming);
    return {};
}

Status PinDirectory::publish() {
    PinDirectory published{instance_};
    if (auto done = move(path(), published.path()); !done) return done;
    *this = std::move(published);
    return {};
}

Status PinDirectory::discard() const {
    return coming_one().clear();
}

// Dead links stay as they are: their device takes no packet.
Status PinDirectory::update_links(int program, int fallback) const {
    const auto pins = links();
    if (!pins) return fail(pins.error());
    std::vector<Fd> updated;
    for (const auto& pin : *pins) {
        auto link = open_pin(pin.path);
        Status done = link ? update_link(link->get(), program) : Status(fail(link.error()));
        if (!done && done.error().kind() == ErrorKind::not_found) continue;
        if (!done) {
            for (const auto& back : updated)
                done = either(std::move(done), update_link(back.get(), fallback));
            return fail(done.error().in(fmt::format("interface {}", pin.ifindex)));
        }
        updated.push_back(std::move(*link));
    }
    return {};
}

// A dead link stays as it is too: its namespace is gone.
Status PinDirectory::update_socket_lookup(int program) const {
    if (!has_socket_lookup()) return {};
    const auto link = open("sk_lookup_link");
    if (!link) return fail(link.error());
    auto done = update_link(link->get(), program);
    if (!done && done.error().kind() == ErrorKind::not_found) return {};
    return done;
}

/// prog_new first: with it there, nothing is committed.
Status PinDirectory::pin_new(const LoadedObject& object) const {
    Status done = pin_object(object.program(), path_of("prog_new"));
    if (done && has_socket_lookup()) done = pin_object(object.socket_lookup(), path_of("sk_lookup_new"));
    if (done) done = pin_object(object.settings(), path_of("settings_new"));
    return done;
}

/// prog_new last, for the same reason.
Status PinDirectory::unpin_new() const {
    Status done = unpin(path_of("settings_new"));
    if (done) done = unpin(path_of("sk_lookup_new"));
    return done ? unpin(path_of("prog_new")) : done;
}

/// What comes after the commit point.
Status PinDirectory::complete_new() const {
    for (const auto* name : {"sk_lookup", "settings"}) {
        const std::string from = fmt::format("{}_new", name);
        if (!has(from)) continue;
        if (auto moved = move(path_of(from), path_of(name)); !moved) return moved;
    }
    return {};
}

/// Back to what is committed.
Status PinDirectory::restore_links() const {
    const auto program = open("prog");
    if (!program) return fail(program.error());
    if (auto back = update_links(program->get(), program->get()); !back) return back;
    if (!has_socket_lookup()) return {};
    const auto socket_lookup = open("sk_lookup");
    return socket_lookup ? update_socket_lookup(socket_lookup->get()) : Status(fail(socket_lookup.error()));
}

Status PinDirectory::replace(const LoadedObject& object) const {
    const auto present_program = open("prog");
    if (!present_program) return fail(present_program.error());
    Status done = pin_new(object);
    if (done) done = update_links(object.program(), present_program->get());
    if (!done) return either(std::move(done), unpin_new());
    done = update_socket_lookup(object.socket_lookup());
    if (done) done = move(path_of("prog_new"), path_of("prog"));
    if (done) {
        // It is in force: what cannot be renamed now is read as it is, and renamed by the next change.
        [[maybe_unused]] const Status best_effort = complete_new();
        return {};
    }
    done = either(std::move(done), restore_links());
    return either(std::move(done), unpin_new());
}

Status PinDirectory::pin_link(int link_fd, std::uint32_t ifindex) const {
    return pin_object(link_fd, link_path(ifindex));
}

Status PinDirectory::remove_link(std::uint32_t ifindex) const {
    return remove_links({ifindex});
}

// The pins first, which can be put back.
Status PinDirectory::remove_links(const std::vector<std::uint32_t>& ifindexes) const {
    std::vector<Fd> links;
    for (const auto ifindex : ifindexes) {
        auto link = open_link(ifindex);
        if (!link) return fail(link.error());
        links.push_back(std::move(*link));
    }
    for (std::size_t i = 0; i < links.size(); ++i) {
        auto removed = unpin(link_path(ifindexes[i]));
        if (removed) continue;
        while (i-- > 0)
            removed = either(std::move(removed), pin_link(links[i].get(), ifindexes[i]));
        return removed;
    }
    // Without its pin it ends with the last descriptor: ours, unless somebody else looks at it just now.
    for (const auto& link : links)
        [[maybe_unused]] const Status best_effort = detach_link(link.get());
    return {};
}

bool PinDirectory::has_socket_lookup() const {
    return has("sk_lookup_link");
}

Status PinDirectory::begin_socket_lookup(int program) const {
    if (auto pinned = pin_object(program, path_of("sk_lookup")); !pinned) return pinned;
    const auto link = create_socket_lookup_link(program);
    Status done = link ? pin_object(link->get(), path_of("sk_lookup_link")) : Status(fail(link.error()));
    return done ? done : either(std::move(done), unpin(path_of("sk_lookup")));
}

Status PinDirectory::end_socket_lookup() const {
    if (has_socket_lookup()) {
        const auto link = open("sk_lookup_link");
        if (!link) return fail(link.error());
        if (auto removed = unpin(path_of("sk_lookup_link")); !removed) return removed;
        // As with an interface's.
        [[maybe_unused]] const Status best_effort = detach_link(link->get());
    }
    return unpin(path_of("sk_lookup"));
}

bool PinDirectory::is_coming() const {
    return coming_one().exists();
}

std::optional<PinDirectory> PinDirectory::going() const {
    return going_one().exists() ? std::optional(going_one()) : std::nullopt;
}

Status PinDirectory::remove(const std::function<Status()>& also) const {
    const PinDirectory hidden = going_one();
    if (auto moved = move(path(), hidden.path()); !moved) return moved;
    if (auto done = also(); !done) return either(std::move(done), move(hidden.path(), path()));
    [[maybe_unused]] const Status best_effort = hidden.clear();
    return {};
}

/// A link ends at once where it is detached; else with its pin.
Status PinDirectory::clear() const {
    const auto names = entries(path());
    if (!names) return fail(names.error());
    for (const auto& name : *names) {
        if (!name.starts_with(link_prefix) && name != "sk_lookup_link") continue;
        if (const auto link = open(name)) (void)detach_link(link->get());
    }
    return remove_tree(path());
}

Status PinDirectory::clear_leftovers() const {
    return either(coming_one().clear(), going_one().clear());
}

Status PinDirectory::recover() const {
    if (has("prog_new")) {
        if (auto back = restore_links(); !back) return back;
        if (auto cleared = unpin_new(); !cleared) return cleared;
    } else if (auto completed = complete_new(); !completed) {
        return completed;
    }
    if (!has_socket_lookup()) {
        if (auto cleared = unpin(path_of("sk_lookup")); !cleared) return cleared;
    }
    return remove_dead_links();
}

Status PinDirectory::remove_dead_links() const {
    const auto pins = links();
    if (!pins) return fail(pins.error());
    for (const auto& pin : *pins) {
        const auto link = open_pin(pin.path);
        if (!link) return fail(link.error());
        const auto info = link_info(link->get());
        if (!info) return fail(info.error());
        if (info->ifindex != 0) continue;
        if (auto removed = unpin(pin.path); !removed) return removed;
    }
    return {};
}

std::vector<std::string> PinDirectory::instances() {
    auto names = entries(root()).value_or(std::vector<std::string>{});
    std::erase_if(names, [](const std::string& name) { return name.find('~') != std::string::npos; });
    return names;
}

}  // namespace xdemux
