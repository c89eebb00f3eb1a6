#pragma once

namespace atelier {

/// The deleter of a C library's handle: std::unique_ptr<FILE, FreeWith<fclose>>.
template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* handle) const noexcept {
    Free(handle);
  }
};

}  // namespace atelier
