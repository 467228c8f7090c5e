#include "autograd/tape.h"

namespace primer::autograd {

template <class T>
Tape<T>::Tape(Memory memory) : multiplier(memory), arena_(memory), pool_(memory) {
#ifndef NDEBUG  // of the library: a caller's flags change nothing
  poison = true;
#endif
  if (memory == Memory::none) records_.emplace();
}

template class Tape<float>;
template class Tape<double>;

}  // namespace primer::autograd
