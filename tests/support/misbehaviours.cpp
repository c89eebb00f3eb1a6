#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <ctime>
#include <string>

#include "tests/support/chaos_server.h"
#include "tests/support/hostile_png.h"

// The kinds of chaos. A kind that is not listed as delivered never shows the row's image whole.

namespace atelier::test {
namespace {

constexpr size_t kTooLarge = 90'000'000;  ///< bytes; over any limit of a test
constexpr const char* kAwkwardPath = "/sofa rouge \xc3\xa9t\xc3\xa9%20100%25.png?a=[1]&b=%C3%A9";
constexpr const char* kOnTheWire = "/sofa%20rouge%20%c3%a9t%c3%a9%20100%25.png?a=[1]&b=%c3%a9";  ///< in lower case

std::string length_of(size_t bytes) { return "Content-Length: " + std::to_string(bytes); }

void be_good(Visit& v) { v.reply.send_answer(200, v.image); }

/// Answers a HEAD as a good server does; false: this is no HEAD.
bool good_to_head(Visit& v) {
  if (v.is_head()) be_good(v);
  return v.is_head();
}

/// A whole answer in one piece, so that it arrives in one.
std::string plain_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\n" + length_of(body.size()) + "\r\n\r\n" + body;
}

void send_body(Visit& v, const std::string& body) { v.reply.send_answer(200, body); }

void send_page(Visit& v, int status) { v.reply.send_answer(status, "no image"); }

void refuse_head(Visit& v, int status) {
  if (!v.is_head()) return be_good(v);
  v.reply.send_answer(status, "no");
}

/// HEAD promises `bytes`, GET is good.
void mislead_by_head(Visit& v, size_t bytes) {
  if (!v.is_head()) return be_good(v);
  v.reply.send_head(200, {length_of(bytes)});
}

/// The first `times` requests, of whichever method, get `status`.
void refuse_at_first(Visit& v, int times, int status, const std::vector<std::string>& headers = {}) {
  if (v.asked > times) return be_good(v);
  v.reply.send_answer(status, "later", headers);
}

void hang_up(Visit& v, const std::string& sent) {
  v.reply.send(sent);
  v.reply.close();
}

void reset_after(Visit& v, const std::string& sent) {
  v.reply.send(sent);
  v.reply.reset();
}

void promise_too_much(Visit& v) {
  if (good_to_head(v)) return;
  hang_up(v, "HTTP/1.1 200 OK\r\n" + length_of(v.image.size() + 50) + "\r\n\r\n" + v.image);
}

void break_a_chunk(Visit& v) {
  if (good_to_head(v)) return;
  hang_up(v, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nlots\r\n" + v.image);
}

void send_chunk(Visit& v, const std::string& bytes) {
  std::array<char, 20> size;
  std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  v.reply.send(size.data() + bytes + "\r\n");
}

void speak_another_language(Visit& v) { hang_up(v, "220 mail.example.org ESMTP\r\n"); }

/// "/hop/3" leads to "/hop/2" on the next host, and so on to the image.
void redirect(Visit& v, int hops) {
  const bool is_first = !v.path.starts_with("/hop/");
  const int left = is_first ? hops : std::stoi(v.path.substr(5));
  if (left == 0) return be_good(v);
  v.reply.send_answer(302, "elsewhere", {"Location: " + v.elsewhere + "/hop/" + std::to_string(left - 1)});
}

void redirect_to(Visit& v, const std::string& target) { v.reply.send_answer(301, "", {"Location: " + target}); }

std::string date_in(int seconds) {
  const std::time_t then = std::time(nullptr) + seconds;
  std::tm parts{};
  gmtime_r(&then, &parts);
  std::array<char, 40> text;
  std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text.data();
}

using enum Needs;

// Odd, but no fault.
constexpr std::array kOdd = {
    Misbehaviour{"good", std::nullopt, kNothing, be_good},
    Misbehaviour{"slow first byte", std::nullopt, kNothing,
                 [](Visit& v) {
                   if (v.reply.wait(0.05)) be_good(v);
                 }},
    Misbehaviour{"drips", std::nullopt, kNothing,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   v.reply.send_head(200, {length_of(v.image.size())});
                   const size_t piece = v.image.size() / 6 + 1;
                   for (size_t i = 0; i < v.image.size() && v.reply.wait(0.01); i += piece)
                     v.reply.send(v.image.substr(i, piece));
                 }},
    Misbehaviour{"no length", std::nullopt, kNothing,
                 [](Visit& v) {
                   v.reply.send_head(200);
                   if (v.is_head()) return;
                   hang_up(v, v.image);
                 }},
    Misbehaviour{"chunked", std::nullopt, kNothing,
                 [](Visit& v) {
                   v.reply.send_head(200, {"Transfer-Encoding: chunked"});
                   if (v.is_head()) return;
                   send_chunk(v, v.image.substr(0, 40));
                   send_chunk(v, v.image.substr(40));
                   v.reply.send("0\r\nX-Trailer: yes\r\n\r\n");
                 }},
    Misbehaviour{"HTTP/1.0", std::nullopt, kNothing,
                 [](Visit& v) { hang_up(v, "HTTP/1.0 200 OK\r\n\r\n" + (v.is_head() ? "" : v.image)); }},
    Misbehaviour{"early hints", std::nullopt, kNothing,
                 [](Visit& v) {
                   v.reply.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n");
                   be_good(v);
                 }},
    Misbehaviour{"HEAD refused", std::nullopt, kNothing, [](Visit& v) { refuse_head(v, 405); }},
    Misbehaviour{"HEAD forbidden", std::nullopt, kNothing, [](Visit& v) { refuse_head(v, 403); }},
    Misbehaviour{"HEAD breaks the server", std::nullopt, kNothing, [](Visit& v) { refuse_head(v, 500); }},
    Misbehaviour{"HEAD with a body", std::nullopt, kNothing, [](Visit& v) { v.reply.send(plain_answer(v.image)); }},
    Misbehaviour{"HEAD with a body that comes late", std::nullopt, kNothing,
                 [](Visit& v) {
                   be_good(v);
                   if (v.is_head() && v.reply.wait(0.01)) v.reply.send(v.image);
                 }},
    Misbehaviour{"HEAD tells too little", std::nullopt, kNothing, [](Visit& v) { mislead_by_head(v, 7); }},
    Misbehaviour{"hangs up after every answer", std::nullopt, kNothing,
                 [](Visit& v) {
                   be_good(v);
                   v.reply.close();
                 }},
    Misbehaviour{"three redirects", std::nullopt, kNothing, [](Visit& v) { redirect(v, 3); }},
    Misbehaviour{"says gzip, sends none", std::nullopt, kNothing,
                 [](Visit& v) { v.reply.send_answer(200, v.image, {"Content-Encoding: gzip"}); }},
    Misbehaviour{"says HTML, sends an image", std::nullopt, kNothing,
                 [](Visit& v) { v.reply.send_answer(200, v.image, {"Content-Type: text/html"}); }},
    Misbehaviour{"another answer behind its own", std::nullopt, kNothing,
                 [](Visit& v) {
                   if (!good_to_head(v)) v.reply.send(plain_answer(v.image) + plain_answer(v.another));
                 }},
    Misbehaviour{"long headers", std::nullopt, kNothing,
                 [](Visit& v) { v.reply.send_answer(200, v.image, {"X-More: " + std::string(20'000, 'x')}); }},
    Misbehaviour{"asks another robot to stay away", std::nullopt, kNothing,
                 [](Visit& v) { v.reply.send_answer(200, v.image, {"X-Robots-Tag: otherbot: noindex"}); }},
    Misbehaviour{"awkward path", std::nullopt, kNothing,
                 [](Visit& v) {
                   std::ranges::transform(v.path, v.path.begin(), [](unsigned char c) { return std::tolower(c); });
                   v.path == kOnTheWire ? be_good(v) : send_page(v, 404);
                 },
                 kAwkwardPath},
};

// Fails, then heals.
constexpr std::array kHealing = {
    Misbehaviour{"503 once", std::nullopt, kNothing, [](Visit& v) { refuse_at_first(v, 1, 503); }},
    Misbehaviour{"429 once", std::nullopt, kNothing, [](Visit& v) { refuse_at_first(v, 1, 429); }},
    Misbehaviour{"408 once", std::nullopt, kNothing, [](Visit& v) { refuse_at_first(v, 1, 408); }},
    Misbehaviour{"500 to the first GET", std::nullopt, kNothing,
                 [](Visit& v) { v.is_first_get() ? send_page(v, 500) : be_good(v); }},
    Misbehaviour{"silence once", std::nullopt, kNothing,
                 [](Visit& v) { v.is_first_get() ? v.reply.close() : be_good(v); }},
    Misbehaviour{"reset among the headers once", std::nullopt, kNothing,
                 [](Visit& v) { v.asked == 1 ? reset_after(v, "HTTP/1.1 200 OK\r\nContent-Le") : be_good(v); }},
    Misbehaviour{"reset in the body once", std::nullopt, kNothing,
                 [](Visit& v) {
                   if (v.is_head() || v.gets > 1) return be_good(v);
                   reset_after(v, plain_answer(v.image).substr(0, 90));
                 }},
    Misbehaviour{"promises too much once", std::nullopt, kNothing,
                 [](Visit& v) { v.gets > 1 ? be_good(v) : promise_too_much(v); }},
    Misbehaviour{"bad chunk once", std::nullopt, kNothing,
                 [](Visit& v) { v.gets > 1 ? be_good(v) : break_a_chunk(v); }},
    Misbehaviour{"not HTTP once", std::nullopt, kNothing,
                 [](Visit& v) { v.asked > 1 ? be_good(v) : speak_another_language(v); }},
    Misbehaviour{"503 for a second", std::nullopt, kLongDeadline,
                 [](Visit& v) { refuse_at_first(v, 1, 503, {"Retry-After: 1"}); }},
    Misbehaviour{"503 until a date", std::nullopt, kLongDeadline,
                 [](Visit& v) { refuse_at_first(v, 1, 503, {"Retry-After: " + date_in(1)}); }},
    Misbehaviour{"429 twice", std::nullopt, kLongDeadline, [](Visit& v) { refuse_at_first(v, 2, 429); }},
    Misbehaviour{"silent at first", std::nullopt, kShortTimeouts,
                 [](Visit& v) { v.is_first_get() ? v.reply.hang() : be_good(v); }},
};

// A page instead of an image, or none.
constexpr std::array kStatuses = {
    Misbehaviour{"404", Fault::kHttpStatus, kNothing, [](Visit& v) { send_page(v, 404); }},
    Misbehaviour{"410", Fault::kHttpStatus, kNothing, [](Visit& v) { send_page(v, 410); }},
    Misbehaviour{"403", Fault::kHttpStatus, kNothing, [](Visit& v) { send_page(v, 403); }},
    Misbehaviour{"403 with an endless page", Fault::kHttpStatus, kNothing,
                 [](Visit& v) {
                   v.reply.send_head(403, {"Connection: close"});
                   while (!v.is_head() && v.reply.send(std::string(65'536, 'x'))) continue;
                   v.reply.close();
                 }},
    Misbehaviour{"204", Fault::kHttpStatus, kNothing, [](Visit& v) { v.reply.send_head(204); }},
    Misbehaviour{"206 nobody asked for", Fault::kHttpStatus, kNothing,
                 [](Visit& v) { v.reply.send_answer(206, v.image, {"Content-Range: bytes 0-9/10"}); }},
    Misbehaviour{"302 to nowhere", Fault::kHttpStatus, kNothing, [](Visit& v) { v.reply.send_answer(302, v.image); }},
    Misbehaviour{"500 for ever", Fault::kHttpStatus, kShortDeadline, [](Visit& v) { send_page(v, 500); }},
    Misbehaviour{"503 for ever", Fault::kHttpStatus, kShortDeadline, [](Visit& v) { send_page(v, 503); }},
    Misbehaviour{"429 for ever", Fault::kHttpStatus, kShortDeadline, [](Visit& v) { send_page(v, 429); }},
    Misbehaviour{"404 to HEAD alone", Fault::kHttpStatus, kHead, [](Visit& v) { refuse_head(v, 404); }},
    Misbehaviour{"asks not to be used", Fault::kOptOut, kNothing,
                 [](Visit& v) { v.reply.send_answer(200, v.image, {"X-Robots-Tag: noai, noimageai"}); }},
};

// The wrong bytes.
constexpr std::array kBodies = {
    Misbehaviour{"HTML", Fault::kNotAnImage, kNothing, [](Visit& v) { send_body(v, "<html>Please log in</html>"); }},
    Misbehaviour{"nothing", Fault::kNotAnImage, kNothing, [](Visit& v) { send_body(v, ""); }},
    Misbehaviour{"gzip nobody asked for", Fault::kNotAnImage, kNothing,
                 [](Visit& v) {
                   const std::string begin("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
                   v.reply.send_answer(200, begin + v.image, {"Content-Encoding: gzip"});
                 }},
    Misbehaviour{"half an image", Fault::kTruncated, kNothing,
                 [](Visit& v) { send_body(v, v.image.substr(0, v.image.size() / 2)); }},
    Misbehaviour{"a bit flipped", Fault::kTruncated, kNothing, [](Visit& v) { send_body(v, flip_a_bit(v.image)); }},
    Misbehaviour{"70,000 x 70,000 pixels", Fault::kTooManyPixels, kNothing,
                 [](Visit& v) { send_body(v, huge(v.image)); }},
    Misbehaviour{"promises too little", Fault::kTruncated, kNothing,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   const size_t half = v.image.size() / 2;
                   v.reply.send(plain_answer(v.image.substr(0, half)) + plain_answer(v.another));
                 }},
    Misbehaviour{"too large", Fault::kTooLargeByHead, kNothing,
                 [](Visit& v) {
                   v.reply.send_head(200, {length_of(kTooLarge)});
                   v.reply.close();
                 }},
    Misbehaviour{"larger than any number", Fault::kTooLargeByHead, kNothing,
                 [](Visit& v) {
                   v.reply.send_head(200, {"Content-Length: 99999999999999999999999"});
                   v.reply.close();
                 }},
    Misbehaviour{"too large by GET alone", Fault::kTooLargeByHead, kNothing,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   v.reply.send_head(200, {length_of(kTooLarge)});
                   while (v.reply.send(std::string(65'536, 'x'))) continue;
                 }},
    Misbehaviour{"endless chunks", Fault::kTooLargeInBody, kNothing,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   v.reply.send_head(200, {"Transfer-Encoding: chunked"});
                   while (v.reply.send("1000\r\n" + std::string(0x1000, 'x') + "\r\n")) continue;
                 }},
    Misbehaviour{"endless without length", Fault::kTooLargeInBody, kNothing,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   v.reply.send_head(200);
                   while (v.reply.send(v.image)) continue;
                 }},
    Misbehaviour{"too large by HEAD alone", Fault::kTooLargeByHead, kHead,
                 [](Visit& v) { mislead_by_head(v, kTooLarge); }},
};

// No HTTP, or too much of it.
constexpr std::array kProtocol = {
    Misbehaviour{"endless headers", Fault::kConnection, kNothing,
                 [](Visit& v) {
                   v.reply.send("HTTP/1.1 200 OK\r\n");
                   while (v.reply.send("X-More: " + std::string(1000, 'x') + "\r\n")) continue;
                 }},
    Misbehaviour{"endless 100 Continue", Fault::kConnection, kNothing,
                 [](Visit& v) {
                   while (v.reply.send("HTTP/1.1 100 Continue\r\n\r\n")) continue;
                 }},
    Misbehaviour{"a header line without end", Fault::kConnection, kShortDeadline,
                 [](Visit& v) {
                   v.reply.send("HTTP/1.1 200 OK\r\nX-More: ");
                   while (v.reply.send(std::string(5000, 'x'))) continue;
                 }},
    Misbehaviour{"silence for ever", Fault::kConnection, kShortDeadline, [](Visit& v) { v.reply.close(); }},
    Misbehaviour{"reset for ever", Fault::kConnection, kShortDeadline,
                 [](Visit& v) { reset_after(v, "HTTP/1.1 200 OK\r\nContent-Le"); }},
    Misbehaviour{"promises too much for ever", Fault::kConnection, kShortDeadline, promise_too_much},
    Misbehaviour{"bad chunk for ever", Fault::kConnection, kShortDeadline, break_a_chunk},
    Misbehaviour{"not HTTP for ever", Fault::kConnection, kShortDeadline, speak_another_language},
    Misbehaviour{"two lengths that differ", Fault::kConnection, kShortDeadline,
                 [](Visit& v) {
                   if (good_to_head(v)) return;
                   v.reply.send_head(200, {length_of(v.image.size() + 10), length_of(v.image.size() + 20)});
                   hang_up(v, v.image);
                 }},
    Misbehaviour{"a zero byte among the headers", Fault::kConnection, kShortDeadline,
                 [](Visit& v) {
                   const std::string zero(1, '\0');
                   hang_up(v, "HTTP/1.1 200 OK\r\nX-" + zero + "Y: z\r\n" + length_of(v.image.size()) + "\r\n\r\n" +
                                  (v.is_head() ? "" : v.image));
                 }},
    Misbehaviour{"no answer to HEAD", Fault::kTimeout, kShortTimeouts, [](Visit& v) { v.reply.hang(); }},
    Misbehaviour{"no answer to GET", Fault::kTimeout, kShortTimeouts,
                 [](Visit& v) { v.is_head() ? be_good(v) : v.reply.hang(); }},
    Misbehaviour{"drips for ever", Fault::kTimeout, kShortTimeouts,
                 [](Visit& v) {
                   v.reply.send_head(200, {length_of(50'000)});
                   while (!v.is_head() && v.reply.send("x") && v.reply.wait(0.05)) continue;
                 }},
};

// To the wrong place.
constexpr std::array kRedirects = {
    Misbehaviour{"nine redirects", Fault::kRedirects, kNothing, [](Visit& v) { redirect(v, 9); }},
    Misbehaviour{"a redirect to itself", Fault::kRedirects, kNothing, [](Visit& v) { redirect_to(v, v.request.path); }},
    Misbehaviour{"a redirect to a file", Fault::kRedirects, kNothing,
                 [](Visit& v) { redirect_to(v, "file:///etc/passwd"); }},
    Misbehaviour{"a redirect with a password", Fault::kRedirects, kNothing,
                 [](Visit& v) { redirect_to(v, "http://me:secret@127.0.0.1/"); }},
    Misbehaviour{"a redirect to a refused address", Fault::kRefusedAddress, kOneAddress,
                 [](Visit& v) { redirect_to(v, "http://127.0.0.2/image.png"); }},
    Misbehaviour{"the same in disguise", Fault::kRefusedAddress, kOneAddress,
                 [](Visit& v) { redirect_to(v, "http://[::ffff:7f00:2]/image.png"); }},
};

}  // namespace

std::vector<const Misbehaviour*> misbehaviours(const std::vector<Needs>& needs) {
  std::vector<const Misbehaviour*> found;
  const auto take = [&](const auto& kinds) {
    for (const Misbehaviour& kind : kinds)
      if (std::ranges::find(needs, kind.needs) != needs.end()) found.push_back(&kind);
  };
  take(kOdd);
  take(kHealing);
  take(kStatuses);
  take(kBodies);
  take(kProtocol);
  take(kRedirects);
  return found;
}

}  // namespace atelier::test
