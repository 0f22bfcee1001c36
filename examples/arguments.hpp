#pragma once

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <initializer_list>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// `--name value` pairs of a command line, and the words that are left. --help prints the usage and ends the program.
class arguments
{
public:
    arguments(int argc, char** argv, const std::string& usage, std::initializer_list<std::string_view> names,
        std::initializer_list<std::string_view> repeatable = {})
    {
        for (int i = 1; i < argc; ++i) {
            std::string word = argv[i];
            if (word == "--help" || word == "-h") {
                std::cout << usage;
                std::exit(0);
            }
            if (!word.starts_with("--")) {
                words_.push_back(word);
                continue;
            }
            const bool repeats = std::find(repeatable.begin(), repeatable.end(), word) != repeatable.end();
            if (!repeats && std::find(names.begin(), names.end(), word) == names.end())
                throw std::invalid_argument("unknown option " + word);
            // An empty one is most often a variable of the shell that is not set.
            if (++i == argc || *argv[i] == '\0')
                throw std::invalid_argument(word + " needs a value");
            if (!repeats && has(word))
                throw std::invalid_argument(word + " is given twice");
            values_.emplace(word, argv[i]);
        }
    }

    bool has(const std::string& name) const { return values_.contains(name); }

    std::string get(const std::string& name, std::string otherwise = {}) const
    {
        auto it = values_.find(name);
        return it == values_.end() ? otherwise : it->second;
    }

    std::vector<std::string> all(const std::string& name) const
    {
        std::vector<std::string> found;
        for (auto [it, end] = values_.equal_range(name); it != end; ++it)
            found.push_back(it->second);
        return found;
    }

    // on or off
    bool get_switch(const std::string& name, bool otherwise) const
    {
        auto value = get(name, otherwise ? "on" : "off");
        if (value != "on" && value != "off")
            throw std::invalid_argument(name + " is on or off");
        return value == "on";
    }

    // A number from `least` to `most`.
    unsigned get_number(const std::string& name, unsigned otherwise, unsigned least, unsigned most) const;

    void require(const std::string& name, const std::string& needed) const
    {
        if (has(name) && !has(needed))
            throw std::invalid_argument(name + " needs " + needed);
    }

    const std::vector<std::string>& words() const { return words_; }

    void refuse_words() const
    {
        if (!words_.empty())
            throw std::invalid_argument("unexpected argument " + words_.front());
    }

private:
    std::multimap<std::string, std::string> values_;
    std::vector<std::string> words_;
};

inline unsigned parse_number(const std::string& text, unsigned least, unsigned most)
{
    unsigned number = 0;
    auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc() || end != text.data() + text.size() || number < least || number > most)
        throw std::invalid_argument(
            "not a number from " + std::to_string(least) + " to " + std::to_string(most) + ": " + text);
    return number;
}

inline unsigned arguments::get_number(const std::string& name, unsigned otherwise, unsigned least, unsigned most) const
{
    try {
        return has(name) ? parse_number(get(name), least, most) : otherwise;
    } catch (const std::invalid_argument& e) {
        throw std::invalid_argument(name + ": " + e.what());
    }
}

// 127.0.0.1:443 or [::1]:443
inline boost::asio::ip::tcp::endpoint parse_address(const std::string& text)
{
    auto colon = text.rfind(':');
    if (colon == text.npos)
        throw std::invalid_argument("not ADDRESS:PORT: " + text);
    auto host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']'))
        host = host.substr(1, host.size() - 2);
    boost::system::error_code ec;
    auto address = boost::asio::ip::make_address(host, ec);
    if (ec)
        throw std::invalid_argument("not ADDRESS:PORT: " + text);
    return {address, static_cast<std::uint16_t>(parse_number(text.substr(colon + 1), 0, 65535))};
}

inline void print_line(const std::string& line)
{
    std::cout << line + "\n" << std::flush;
}
