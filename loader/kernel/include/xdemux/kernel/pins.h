// SPDX-License-Identifier: BSD-2-Clause
// The pins of an instance: /sys/fs/bpf/xdemux/INSTANCE/ with every map by its name, the program as `prog`, its
// read-only data as `settings`, and a link for each interface as `link_IFINDEX`. While packets are delivered to
// sockets, the sk_lookup program as `sk_lookup` and its link to the network namespace as `sk_lookup_link`. Creation and
// replacement and removal each have one rename at which they take effect; before it they can be undone, after it
// completed. Writers hold the instance's lock.
//
// Creation: all is pinned in INSTANCE~new/, whose renaming to INSTANCE/ is the last step. Removal: INSTANCE/ is renamed
// to INSTANCE~old/ first. Whatever still has such a name belongs to a killed writer, or to one at work.
//
// Replacement: `prog_new`, `sk_lookup_new` and `settings_new` are pinned, the links updated, then prog_new -> prog is
// THE COMMIT POINT, then the others are renamed likewise. Hence to whoever comes after a killed writer: prog_new there
// = not committed, the links go back to `prog` and `sk_lookup`; another alone = committed, its rename is missing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <xdemux/base/error.h>
#include <xdemux/base/fd.h>
#include <xdemux/kernel/object.h>

namespace xdemux {

struct LinkPin {
    std::uint32_t ifindex = 0;
    std::string path;
};

class PinDirectory {
  public:
    static constexpr std::string_view bpffs = "/sys/fs/bpf";

    /// `instance` is a checked name.
    explicit PinDirectory(const std::string& instance) : PinDirectory(instance, instance) {}

    [[nodiscard]] const std::string& instance() const { return instance_; }
    [[nodiscard]] std::string path() const;
    [[nodiscard]] std::string path_of(std::string_view pin) const;
    [[nodiscard]] std::string link_path(std::uint32_t ifindex) const;
    /// Whether the instance is there.
    [[nodiscard]] bool exists() const;
    [[nodiscard]] bool has(std::string_view pin) const;

    /// Opens a pinned object. ErrorKind::not_loaded where there is none.
    [[nodiscard]] Result<Fd> open(std::string_view pin) const;
    [[nodiscard]] Result<Fd> open_link(std::uint32_t ifindex) const;
    /// The settings that belong to `prog`: `settings_new` where the writer was killed between the two renames.
    [[nodiscard]] Result<Fd> open_settings() const;
    /// By ifindex.
    [[nodiscard]] Result<std::vector<LinkPin>> links() const;

    /// Whether the sk_lookup program is there and attached.
    [[nodiscard]] bool has_socket_lookup() const;

    /// Pins all of the object aside, where it can be used like any instance, but nobody else finds it.
    [[nodiscard]] Status create(const LoadedObject& object);
    /// Makes what create() made the instance of this name.
    [[nodiscard]] Status publish();
    /// Detaches every interface and removes what create() made.
    [[nodiscard]] Status discard() const;
    /// Puts the object's programs and settings in the place of the present ones, through every link; all or none. It
    /// must have the sk_lookup program where that is attached.
    [[nodiscard]] Status replace(const LoadedObject& object) const;
    /// Pins a link.
    [[nodiscard]] Status pin_link(int link_fd, std::uint32_t ifindex) const;
    /// Detaches the interface and removes the pin.
    [[nodiscard]] Status remove_link(std::uint32_t ifindex) const;
    /// Of several interfaces; all or none.
    [[nodiscard]] Status remove_links(const std::vector<std::uint32_t>& ifindexes) const;
    /// Attaches the sk_lookup program to the network namespace of the calling thread, and pins both. Errors as
    /// create_socket_lookup_link()'s.
    [[nodiscard]] Status begin_socket_lookup(int program) const;
    /// Takes it off again; no error where it is not there.
    [[nodiscard]] Status end_socket_lookup() const;
    /// Whether create() has made one of this name, in whole or in part, that is not published.
    [[nodiscard]] bool is_coming() const;
    /// An instance of this name that was hidden by remove() and is not cleared up yet: to be read, it may lack parts.
    [[nodiscard]] std::optional<PinDirectory> going() const;
    /// Hides the instance by one rename, does `also`, detaches every interface and the sk_lookup program, and removes
    /// what it was. Where `also` fails, all is as before; what comes after it is else the next writer's.
    [[nodiscard]] Status remove(const std::function<Status()>& also) const;

    /// Clears what a killed writer left of a creation or a removal; the instance itself may not be there.
    [[nodiscard]] Status clear_leftovers() const;
    /// Undoes or completes the replacement of a killed writer, and removes the links of devices that are gone.
    [[nodiscard]] Status recover() const;

    /// The names of all instances, sorted.
    static std::vector<std::string> instances();

  private:
    PinDirectory(std::string instance, std::string folder)
        : instance_(std::move(instance)), folder_(std::move(folder)) {}
    [[nodiscard]] Status pin_new(const LoadedObject& object) const;
    [[nodiscard]] Status unpin_new() const;
    [[nodiscard]] Status complete_new() const;
    [[nodiscard]] Status update_links(int program, int fallback) const;
    [[nodiscard]] Status update_socket_lookup(int program) const;
    [[nodiscard]] Status restore_links() const;
    [[nodiscard]] Status remove_dead_links() const;
    [[nodiscard]] PinDirectory coming_one() const;
    [[nodiscard]] PinDirectory going_one() const;
    [[nodiscard]] Status clear() const;

    std::string instance_;
    std::string folder_;  ///< of the instance's name, or of one that says that it is coming or going
};

}  // namespace xdemux
