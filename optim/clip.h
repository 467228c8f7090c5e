// The norm of all gradients together, and the factor that bounds it.
#pragma once

#include "autograd/parameters.h"

namespace primer::optim {

/// The 2-norm of the flat block of gradients. Its parts and their order are fixed: the same bits for any number of
/// threads. Not finite if any gradient is not.
template <class T>
double gradient_norm(const autograd::Parameters<T>& parameters);

/// The factor that brings a gradient of this norm down to `limit`, 1 if it is no longer than that or limit is 0.
/// Pascanu, Mikolov, Bengio 2013, algorithm 1. It is handed to the optimizer, which saves a pass over memory.
inline double clip_factor(double norm, double limit) { return limit > 0 && norm > limit ? limit / (norm + 1e-6) : 1; }

}  // namespace primer::optim
