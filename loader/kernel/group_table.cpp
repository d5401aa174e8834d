// SPDX-License-Identifier: BSD-2-Clause
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include <xdemux/contract.h>
#include <xdemux/kernel/group_table.h>

namespace xdemux {
namespace {

struct FreeBtf {
    void operator()(btf* types) const { ::btf__free(types); }
};

/// Types for `bpftool map dump`.
struct TableTypes {
    std::unique_ptr<btf, FreeBtf> types;
    std::uint32_t key = 0;
    std::uint32_t value = 0;
};

/// The contract's struct group_table, told to the kernel a second time: a map made by hand gets none from the object.
Result<TableTypes> table_types() {
    constexpr std::uint32_t word_bytes = 4;
    constexpr std::uint32_t number_bytes = 2;
    TableTypes made{std::unique_ptr<btf, FreeBtf>(::btf__new_empty())};
    btf* types = made.types.get();
    if (types == nullptr) return fail_system(errno, "cannot make the types of a group's table");
    const int word = ::btf__add_int(types, "unsigned int", word_bytes, 0);
    const int number = ::btf__add_int(types, "unsigned short", number_bytes, 0);
    const int numbers = ::btf__add_array(types, word, number, contract::GROUP_PLACES);
    const int table = ::btf__add_struct(types, "group_table", sizeof(contract::group_table));
    const int field = ::btf__add_field(types, "members", numbers, 0, 0);
    if (word < 0 || number < 0 || numbers < 0 || table < 0 || field < 0)
        return fail_system(ENOMEM, "cannot make the types of a group's table");
    if (const int error = ::btf__load_into_kernel(types); error != 0)
        return fail_system(-error, "cannot load the types of a group's table");
    made.key = static_cast<std::uint32_t>(word);
    made.value = static_cast<std::uint32_t>(table);
    return made;
}

}  // namespace

Result<Fd> make_group_table(std::span<const std::uint16_t> numbers) {
    assert(numbers.empty() || numbers.size() == contract::GROUP_PLACES);
    const auto types = table_types();
    if (!types) return fail(types.error());
    bpf_map_create_opts options{};
    options.sz = sizeof options;
    options.btf_fd = static_cast<std::uint32_t>(::btf__fd(types->types.get()));
    options.btf_key_type_id = types->key;
    options.btf_value_type_id = types->value;
    Fd map(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "group_table", sizeof(std::uint32_t), sizeof(contract::group_table), 1,
                            &options));
    if (map.get() < 0) return fail_system(errno, "cannot make a group's table");
    const auto table = std::make_unique<contract::group_table>();
    std::ranges::copy(numbers, table->members);
    const std::uint32_t zero = 0;
    if (::bpf_map_update_elem(map.get(), &zero, table.get(), BPF_ANY) != 0)
        return fail_system(errno, "cannot fill a group's table");
    return map;
}

}  // namespace xdemux
