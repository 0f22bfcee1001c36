#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace acme {

// A coroutine that is cancelled and ends before it ever suspended leaves co_spawn with an exception, its handler not
// called (Asio 1.26); and one that runs within whatever starts it may cancel a group that is not there yet. So it
// suspends first.
template <class T>
boost::asio::awaitable<T> posted(boost::asio::awaitable<T> operation)
{
    co_await boost::asio::post(boost::asio::use_awaitable);
    co_return co_await std::move(operation);
}

} // namespace acme
