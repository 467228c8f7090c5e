#include "autograd/ops.h"
#include "tests/autograd/check.h"

namespace primer::test {

namespace {

struct OpTable {
  std::vector<Case> cases;

  OpTable() { every_op(*this); }
  template <class F>
  void add(Example example, F call) {
    cases.push_back({example, call, call, {}});
  }
  template <class F, class G>
  void add(Example example, F call, G textbook) {
    cases.push_back({example, call, call, textbook});
  }
};

}  // namespace

const std::vector<Case>& op_cases() {
  static const OpTable table;
  return table.cases;
}

}  // namespace primer::test
