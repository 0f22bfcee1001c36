#include "kit/server_group.hpp"

#include <stdexcept>
#include <utility>

namespace acme::test {

server_group::server_group(
    std::string program, const pebble& ca, std::vector<std::string> etcd, std::vector<std::string> arguments)
    : program_(std::move(program))
    , ca_(ca)
    , arguments_(std::move(arguments))
{
    for (std::size_t n = 0; n != size; ++n) {
        nodes_.push_back(std::make_unique<node>());
        for (const auto& member : etcd)
            nodes_[n]->to_etcd.push_back(std::make_unique<relay>(member));
    }
    balancer_.emplace(addresses_but(size), ca.tls_port());
    for (std::size_t n = 0; n != size; ++n)
        start(n);
}

std::vector<std::string> server_group::addresses_but(std::size_t left_out) const
{
    std::vector<std::string> all;
    for (std::size_t n = 0; n != size; ++n)
        if (n != left_out)
            all.push_back(nodes_[n]->port.address());
    return all;
}

void server_group::take_out(std::size_t n)
{
    balancer_->aim(addresses_but(n));
}

std::vector<std::string> server_group::command(std::size_t n) const
{
    std::string members;
    for (const auto& each : nodes_[n]->to_etcd)
        members += (members.empty() ? "" : ",") + each->address();
    std::vector<std::string> all{program_, "--https", nodes_[n]->port.address(), "--directory", ca_.directory_url(),
        "--ca-bundle", ca_.ca_file().native(), "--cache", "etcd://" + members + "/group"};
    all.insert(all.end(), arguments_.begin(), arguments_.end());
    return all;
}

void server_group::start(std::size_t n)
{
    nodes_[n]->running.emplace(command(n));
    if (!server(n).wait_for_text("listening on https://"))
        throw std::runtime_error("a server does not start: " + server(n).all());
}

void server_group::cut(std::size_t n)
{
    for (const auto& each : nodes_[n]->to_etcd)
        each->cut();
}

void server_group::stall(std::size_t n)
{
    for (const auto& each : nodes_[n]->to_etcd)
        each->stall();
}

void server_group::mend(std::size_t n)
{
    for (const auto& each : nodes_[n]->to_etcd)
        each->mend();
}

std::map<std::string, std::size_t> server_group::etcd_requests() const
{
    std::map<std::string, std::size_t> all;
    for (const auto& n : nodes_)
        for (const auto& link : n->to_etcd)
            for (const auto& [target, count] : link->requests())
                all[target] += count;
    return all;
}

} // namespace acme::test
