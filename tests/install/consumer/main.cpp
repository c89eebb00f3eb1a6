#include <cstdio>
#include <data/order.h>
#include <models/objective.h>

int main() {
  const atelier::Order order{.seed = 1, .entries = 10, .mode = atelier::OrderMode::kNone};
  atelier::ModelSpec spec;
  spec.kind = "pix2pix";
  spec.condition = "outline";
  spec.channels = 8;
  const auto objective = atelier::make_objective(spec, 0);
  std::printf("entry %d of 10; %zu players\n", static_cast<int>(atelier::slot_at(order, 13)),
              objective->players().size());
}
