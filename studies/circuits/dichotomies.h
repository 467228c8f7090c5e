// How well any linear function can tell two random classes apart: a bound by counting, in few dimensions.
#pragma once

namespace primer::studies {

/// ln of the number of ways in which hyperplanes through the origin part `points` points in general position in
/// `dimensions`: 2 sum over i < d of binomial(n - 1, i). Cover 1965, theorem 1.
double log_dichotomies(long points, long dimensions);

/// The share of random, even labels of two kinds that no linear function of the points gets right, but for a
/// probability of `chance`: with C dichotomies the smallest m / n with C P(Bin(n, 1/2) >= m) <= chance. 1 if none is.
double linear_ceiling(long points, long dimensions, double chance = 1e-6);

}  // namespace primer::studies
