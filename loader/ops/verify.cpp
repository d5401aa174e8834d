// SPDX-License-Identifier: BSD-2-Clause
// Batches of packets, drawn by number so that any thread may take any of them. Within a batch the kernel is asked
// first, then the program; whoever disagrees is asked again, after everything was read anew.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include <xdemux/kernel/encode.h>
#include <xdemux/ops/attach.h>
#include <xdemux/ops/explain.h>
#include <xdemux/ops/listeners.h>
#include <xdemux/ops/settings.h>
#include <xdemux/ops/verify.h>

#include "verify_aims.h"
#include "verify_draw.h"
#include "verify_model.h"
#include "verify_tally.h"

namespace xdemux {
namespace {

constexpr std::size_t batch_size = Oracle::batch;
constexpr unsigned most_threads = 8;
/// A change of sockets or listeners that is under way settles within these; past so many proven mismatches nothing is
/// waited for any more.
constexpr std::chrono::milliseconds waits[] = {std::chrono::milliseconds(0), std::chrono::milliseconds(1),
                                               std::chrono::milliseconds(10), std::chrono::milliseconds(50)};
constexpr std::size_t patience = 100;

Result<std::unique_ptr<VerifyModel>> read_model(const Instance& instance) {
    auto listeners = read_listeners(instance);
    if (!listeners) return fail(std::move(listeners.error()));
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    return std::make_unique<VerifyModel>(std::move(*listeners), *routes, settings_in_force(instance));
}

struct Ingress {
    Interface device;
    bool stacked = false;  ///< others stand on it
};

/// Where packets come in: every device that is attached; the loopback device where none is.
Result<std::vector<Ingress>> ingress_devices(const Instance& instance) {
    const auto attached = attached_interfaces(instance);
    if (!attached) return fail(attached.error());
    const auto all = interfaces();
    if (!all) return fail(all.error());
    std::vector<Ingress> devices;
    for (const auto& each : *attached) {
        const auto device = std::ranges::find(*all, each.ifindex, &Interface::ifindex);
        if (each.state != InterfaceState::attached || device == all->end()) continue;
        devices.push_back({*device, !devices_above(*all, each.ifindex).empty()});
    }
    if (devices.empty()) devices.emplace_back();
    return devices;
}

/// What the threads share.
struct Plan {
    const Instance& instance;
    const VerifyRequest& request;
    Aims aims;
    std::vector<Ingress> devices;

    std::atomic<std::uint64_t> next_batch{0};
    std::atomic<std::uint64_t> done{0};
    std::atomic<std::size_t> mismatched{0};
    std::atomic<bool> stop{false};

    std::mutex mutex{};
    std::optional<Error> error{};
    VerifyTally tally{};
    std::vector<std::pair<std::uint64_t, VerifyMismatch>> mismatches{};  ///< with the number of their packet

    Plan(const Instance& of, const VerifyRequest& what, Aims aim, std::vector<Ingress> where)
        : instance(of), request(what), aims(std::move(aim)), devices(std::move(where)) {}
};

struct Suspect {
    DrawnPacket packet;
    std::uint64_t number = 0;
    VerifyOutcome expected;
    VerifyOutcome got;
    bool proven = false;  ///< the kernel said the same before and after the program was asked
};

FlowKey key_of(const PacketSpec& packet) {
    return {packet.proto, packet.destination, packet.source};
}

/// Of a flow, by its number.
Result<Target> target_of(const Tables& tables, std::uint32_t number) {
    if (number < contract::TARGET_FIRST) return TargetTable().find(number);
    const auto row = tables.steering.targets.find(number);
    if (!row) return fail(row.error());
    auto target = decode(row->value_or(contract::target{}));
    if (!target) return fail(std::move(target.error()));
    return target->value_or(Target{TargetKind::steer});
}

class Worker {
  public:
    static Result<Worker> make(Plan& plan) {
        auto oracle = Oracle::load();
        if (!oracle) return fail(oracle.error());
        auto tracer = Tracer::open(plan.instance);
        if (!tracer) return fail(tracer.error());
        auto model = read_model(plan.instance);
        if (!model) return fail(model.error());
        return Worker(plan, std::move(*oracle), std::move(*tracer), std::move(*model));
    }

    Status run(const VerifyProgress& progress) {
        const std::uint64_t packets = plan_->request.packets;
        while (!plan_->stop) {
            const std::uint64_t batch = plan_->next_batch++;
            if (batch * batch_size >= packets) break;
            const std::uint64_t count = std::min<std::uint64_t>(batch_size, packets - batch * batch_size);
            if (auto checked = check_batch(batch, count); !checked) return checked;
            plan_->done += count;
            if (progress) progress(plan_->done, packets);
        }
        const std::lock_guard lock(plan_->mutex);
        plan_->tally.add(tally_);
        return {};
    }

  private:
    Worker(Plan& plan, Oracle oracle, Tracer tracer, std::unique_ptr<VerifyModel> model)
        : plan_(&plan), oracle_(std::move(oracle)), tracer_(std::move(tracer)), model_(std::move(model)) {}

    Status check_batch(std::uint64_t batch, std::uint64_t count) {
        PacketDraw draw(plan_->aims, plan_->request.seed + batch * 0x9e3779b97f4a7c15U);
        const Ingress& ingress = plan_->devices[batch % plan_->devices.size()];
        const std::uint32_t ifindex = ingress.device.ifindex;
        std::vector<DrawnPacket> packets;
        std::vector<FlowKey> keys;
        for (std::uint64_t i = 0; i < count; ++i) {
            packets.push_back(draw.next());
            // As from a neighbour that has a packet for this host: the program asks to whom the frame is sent.
            packets.back().spec.destination_mac = ingress.device.mac;
            keys.push_back(key_of(packets.back().spec));
        }
        const auto answers = oracle_.ask(keys, ifindex);
        if (!answers) return fail(answers.error());
        std::vector<Suspect> suspects;
        for (std::size_t i = 0; i < packets.size(); ++i) {
            Suspect suspect{packets[i], batch * batch_size + i, {}, {}};
            if (auto asked = ask(suspect, ingress, (*answers)[i]); !asked) return asked;
            if (agrees(suspect)) continue;
            suspects.push_back(suspect);
        }
        return check_again(std::move(suspects), ingress);
    }

    /// The program and the model.
    Status ask(Suspect& suspect, const Ingress& ingress, const OracleAnswer& kernel) const {
        const PacketSpec& packet = suspect.packet.spec;
        const std::uint32_t ifindex = ingress.device.ifindex;
        VerifyModel::Facts facts{ifindex, ingress.stacked, std::nullopt, kernel};
        const auto flow = plan_->instance.tables().flows.find(encode(key_of(packet)));
        if (!flow) return fail(flow.error());
        if (*flow) {
            auto target = target_of(plan_->instance.tables(), (*flow)->target);
            if (!target) return fail(std::move(target.error()));
            facts.flow = std::move(*target);
        }
        const auto frame = build_packet(packet);
        if (!frame) return fail(frame.error());
        const auto trace = tracer_.run(*frame, ifindex);
        if (!trace) return fail(trace.error());
        facts.answered = static_cast<contract::verdict>(trace->verdict);
        suspect.expected = model_->expect(packet, facts);
        suspect.got = {static_cast<contract::reason>(trace->reason), static_cast<contract::verdict>(trace->verdict),
                       static_cast<contract::verdict>(trace->action), trace->listener};
        return {};
    }

    /// Counts it where it does.
    bool agrees(const Suspect& suspect) {
        const bool compared = is_compared(suspect.got.reason);
        if (compared && suspect.expected != suspect.got) return false;
        tally_.add(suspect.packet, suspect.expected.reason, compared ? Compared::agreed : Compared::not_compared);
        return true;
    }

    Status check_again(std::vector<Suspect> suspects, const Ingress& ingress) {
        for (const auto wait : waits) {
            if (suspects.empty()) return {};
            const bool patient = plan_->mismatched < patience;
            if (patient) std::this_thread::sleep_for(wait);
            auto fresh = read_model(plan_->instance);
            if (!fresh) return fail(std::move(fresh.error()));
            model_ = std::move(*fresh);
            std::vector<Suspect> left;
            for (Suspect& suspect : suspects) {
                if (auto asked = ask_between(suspect, ingress); !asked) return asked;
                if (!suspect.proven || !agrees(suspect)) left.push_back(suspect);
            }
            suspects = std::move(left);
            if (!patient) break;
        }
        for (const Suspect& suspect : suspects)
            conclude(suspect, ingress.device);
        return {};
    }

    /// Between two questions to the kernel, which must get the same answer.
    Status ask_between(Suspect& suspect, const Ingress& ingress) const {
        const FlowKey key = key_of(suspect.packet.spec);
        const std::uint32_t ifindex = ingress.device.ifindex;
        const auto before = oracle_.ask(key, ifindex);
        if (!before) return fail(before.error());
        if (auto asked = ask(suspect, ingress, *before); !asked) return asked;
        const auto after = oracle_.ask(key, ifindex);
        if (!after) return fail(after.error());
        suspect.proven = *before == *after;
        return {};
    }

    void conclude(const Suspect& suspect, const Interface& device) {
        tally_.add(suspect.packet, suspect.expected.reason,
                   suspect.proven ? Compared::mismatched : Compared::not_compared);
        if (!suspect.proven) return;
        ++plan_->mismatched;
        const std::lock_guard lock(plan_->mutex);
        if (plan_->mismatches.size() < VerifyReport::max_mismatches)
            plan_->mismatches.push_back(
                {suspect.number, {suspect.packet.spec, device.name, suspect.expected, suspect.got}});
    }

    Plan* plan_;
    Oracle oracle_;
    Tracer tracer_;
    std::unique_ptr<VerifyModel> model_;
    VerifyTally tally_;
};

void work(Plan& plan, const VerifyProgress& progress) {
    auto worker = Worker::make(plan);
    const Status done = worker ? worker->run(progress) : Status(fail(worker.error()));
    if (done) return;
    plan.stop = true;
    const std::lock_guard lock(plan.mutex);
    if (!plan.error) plan.error = done.error();
}

VerifyReport report_of(Plan& plan) {
    VerifyReport report;
    report.seed = plan.request.seed;
    report.total = plan.tally.total();
    report.classes = plan.tally.classes();
    std::sort(plan.mismatches.begin(), plan.mismatches.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [number, mismatch] : plan.mismatches)
        report.mismatches.push_back(std::move(mismatch));
    return report;
}

}  // namespace

Result<VerifyReport> verify(const Instance& instance, const VerifyRequest& request) {
    auto devices = ingress_devices(instance);
    if (!devices) return fail(std::move(devices.error()));
    const auto routes = local_routes();
    if (!routes) return fail(routes.error());
    const bool loopback =
        std::any_of(devices->begin(), devices->end(), [](const auto& each) { return each.device.loopback; });
    auto aims = read_aims(instance, *routes, loopback, request.seed);
    if (!aims) return fail(std::move(aims.error()));
    Plan plan(instance, request, std::move(*aims), std::move(*devices));

    // A thread inherits the network namespace of the one that starts it.
    const std::uint64_t batches = (request.packets + batch_size - 1) / batch_size;
    const std::uint64_t threads =
        std::min<std::uint64_t>({std::max(std::thread::hardware_concurrency(), 1U), most_threads, batches});
    std::vector<std::thread> others;
    for (std::uint64_t i = 1; i < threads; ++i)
        others.emplace_back([&plan] { work(plan, {}); });
    work(plan, request.progress);
    for (auto& thread : others)
        thread.join();
    if (plan.error) return fail(*plan.error);
    return report_of(plan);
}

}  // namespace xdemux
