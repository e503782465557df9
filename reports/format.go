package reports

import (
	"strconv"
	"strings"
)

// FormatNS prints a duration in nanoseconds with three significant digits and the unit that fits: "0",
// "850ns", "12.4µs", "3.2ms", "1.25s", "2m05s". Negative values print as "never", the way [Measures.ConvergenceNS] means them.
func FormatNS(ns int64) string {
	switch {
	case ns < 0:
		return "never"
	case ns == 0:
		return "0"
	case ns < 1_000:
		return strconv.FormatInt(ns, 10) + "ns"
	case ns < 999_500:
		return threeDigits(ns, 1_000) + "µs"
	case ns < 999_500_000:
		return threeDigits(ns, 1_000_000) + "ms"
	case ns < 59_950_000_000:
		return threeDigits(ns, 1_000_000_000) + "s"
	}
	seconds := (ns + 500_000_000) / 1_000_000_000
	rest := strconv.FormatInt(seconds%60, 10)
	if len(rest) == 1 {
		rest = "0" + rest
	}
	return strconv.FormatInt(seconds/60, 10) + "m" + rest + "s"
}

// threeDigits prints ns/unit rounded half up to three significant digits without trailing zeros.
func threeDigits(ns, unit int64) string {
	decimals, scale := 2, int64(100)
	switch {
	case ns >= 100*unit-unit/20:
		decimals, scale = 0, 1
	case ns >= 10*unit-unit/200:
		decimals, scale = 1, 10
	}
	scaled := (ns*scale + unit/2) / unit
	whole := strconv.FormatInt(scaled/scale, 10)
	if decimals == 0 {
		return whole
	}
	fraction := strconv.FormatInt(scaled%scale, 10)
	fraction = strings.Repeat("0", decimals-len(fraction)) + fraction
	if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
		return whole
	}
	return whole + "." + fraction
}
