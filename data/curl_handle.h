#pragma once

#include <curl/curl.h>
#include <memory>

#include "base/free_with.h"

/// libcurl's handles, each freed by its owner.
namespace atelier {

using CurlEasy = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using CurlMulti = std::unique_ptr<CURLM, FreeWith<curl_multi_cleanup>>;
using CurlUrl = std::unique_ptr<CURLU, FreeWith<curl_url_cleanup>>;
using CurlList = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;
using CurlText = std::unique_ptr<char, FreeWith<curl_free>>;

}  // namespace atelier
