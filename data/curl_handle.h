#pragma once

#include <curl/curl.h>
#include <memory>
#include <string>

#include "base/free_with.h"

/// libcurl's handles, each freed by its owner, and what they hold.
namespace atelier {

using CurlEasy = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, FreeWith<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, FreeWith<curl_url_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;
using CurlText = std::unique_ptr<char, FreeWith<curl_free>>;

/// One part of a parsed URL, empty when it has none.
inline std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK) return {};
  return CurlText(text).get();
}

}  // namespace atelier
