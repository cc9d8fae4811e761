"""What the example scan shows, in numbers: stdyn scan examples/scan_fa_bp.toml, then python examples/scan_numbers.py"""

import sys

import numpy as np
from scipy.stats import spearmanr

import stdyn
from stdyn.figures.scanpoints import pairs


def main(path="data/scan_fa_bp.h5"):
    """Medians and ranges of each rule, FA against BP of the same starts, and what goes with what under FA."""
    scan = stdyn.open_scan(path)
    summary = scan.summary
    length, final = summary["plateau_length"], summary["eps_g_final"]
    fa, bp = pairs(scan)
    for rule, points in (("fa", fa), ("bp", bp)):
        low, middle, high = np.percentile(length[points], [5, 50, 95], method="nearest")
        specialised = np.mean(summary["specialised"][points] == scan.problem(0).start.K)
        print(
            f"{rule}: length of the plateau {middle:.0f} (5 - 95 %: {low:.0f} - {high:.0f}),"
            f" not left at {np.isinf(length[points]).sum()} of {len(points)};"
            f" final eps_g {np.median(final[points]):.1g}, above 0.001 at {np.mean(final[points] > 1e-3):.0%};"
            f" all units specialised at {specialised:.0%}"
        )
    print(
        f"FA has the longer plateau at {np.mean(length[fa] > length[bp]):.0%} of the starts,"
        f" the larger final eps_g at {np.mean(final[fa] > final[bp]):.0%}"
    )
    alpha = scan.read("alpha")
    at = int(np.abs(alpha - 100).argmin())
    low, middle, high = np.percentile(scan.read("alignment")[fa, at], [5, 50, 95])
    left = np.mean(summary["plateau_end"][fa] < alpha[at])
    print(
        f"FA at alpha = {alpha[at]:.0f}: cosine of v and b {middle:.2f} (5 - 95 %: {low:.2f} - {high:.2f}),"
        f" plateau left at {left:.1%} of the starts"
    )
    hardly = fa[summary["b_smallest"][fa] < 0.04]
    print(f"FA with a |b_i| below 0.04: {len(hardly)} starts, final eps_g {np.median(final[hardly]):.2g} in the median")
    print(f"rank correlation of the two lengths: {spearmanr(length[fa], length[bp]).statistic:.2f}")
    print("rank correlations under FA:")
    for name in ("alignment_start", "b_norm", "b_smallest"):
        for of, values in (("length of the plateau", length), ("final eps_g", final)):
            print(f"  {name} and {of}: {spearmanr(summary[name][fa], values[fa]).statistic:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
