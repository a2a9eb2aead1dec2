// Judges what `causeway demo --output json` printed: one JSON object, the invariants recomputed from its own figures,
// and the bounds that the README promises. Usage: node .ci/check-demo.mjs FILE
import { readFileSync } from "node:fs";

const text = readFileSync(process.argv[2], "utf8");
const problems = [];
const must = (holds, what) => holds || problems.push(what);

let run;
try {
  run = JSON.parse(text);
} catch (error) {
  console.error(`standard output is not one JSON object: ${error.message}\n${text.slice(0, 2000)}`);
  process.exit(1);
}

must(run.ok === true, `ok: expected true, found ${run.ok}`);

for (const id of ["INV-1", "INV-2", "INV-3", "INV-4"]) {
  const verdict = run.invariants?.find((v) => v.id === id);
  must(verdict?.holds === true && verdict.violations.length === 0, `${id}: ${JSON.stringify(verdict)}`);
}

// INV-1 again, from both chains' figures: nothing is under way at the end, so they agree to the unit.
must(run.supply?.length >= 1, "supply: expected at least one asset");
let moved = 0n;
for (const { asset, held, escrow, vouchers, outstanding } of run.supply ?? []) {
  const [h, e, v, o] = [held, escrow, vouchers, outstanding].map(BigInt);
  must(v <= h && h === e && v === o && h === v, `supply of ${asset}: held ${h}, escrow ${e}, vouchers ${v}, outstanding ${o}`);
  moved += v;
}
must(moved > 0n, "supply: nothing stayed on the other side, so nothing is shown");

const endings = Object.entries(run.transfers ?? {});
const total = endings.reduce((sum, [, count]) => sum + count, 0);
must(total >= 200, `transfers: expected at least 200, found ${total}`);
must(endings.length >= 7 && endings.every(([, count]) => count >= 1), `transfers: kinds ${JSON.stringify(run.transfers)}`);

const swaps = Object.values(run.swaps ?? {}).reduce((sum, count) => sum + count, 0);
must(swaps >= 14 && Object.keys(run.swaps).length >= 7, `swaps: ${JSON.stringify(run.swaps)}`);

const between = (what, value, low, high) =>
  must(typeof value === "number" && value >= low && value <= high, `${what}: expected ${low} to ${high}, found ${value}`);
between("seconds_total", run.seconds_total, 1, 60);
between("memory_total", run.memory_total, 1e6, 300e6);

between("swap_seconds.count", run.swap_seconds?.count, 4, swaps);
between("swap_seconds.p50", run.swap_seconds?.p50, 0.001, 30);

const { lock_to_credit: credit, stages } = run.latency_seconds ?? {};
between("lock_to_credit.count", credit?.count, 150, total);
between("lock_to_credit.p50", credit?.p50, 0.001, 30);
between("lock_to_credit.p99", credit?.p99, credit?.p50 ?? 0, 60);
must(Object.keys(stages ?? {}).length >= 3, `stages: ${JSON.stringify(stages)}`);

const costs = run.costs ?? {};
between("entries", costs.entries, total, 4 * total);
between("deliveries", costs.deliveries, 1, costs.entries);
between("entries_per_delivery_mean", costs.entries_per_delivery_mean, 1.5, 256);
between("gas_per_entry_sent", costs.gas_per_entry_sent, 21_000, 200_000);
between("gas_per_entry_received", costs.gas_per_entry_received, 5_000, 200_000);

if (problems.length > 0) {
  console.error(`the demo's figures are wrong:\n- ${problems.join("\n- ")}\n${JSON.stringify(run, null, 2)}`);
  process.exit(1);
}
const mib = (run.memory_total / 2 ** 20).toFixed(0);
console.log(
  `demo: ${total} transfers and ${swaps} swaps in ${run.seconds_total.toFixed(1)} s, lock to credit p50 ${credit.p50.toFixed(2)} s ` +
    `p99 ${credit.p99.toFixed(2)} s, ${costs.entries_per_delivery_mean.toFixed(1)} entries a delivery, ` +
    `${costs.gas_per_entry_received} gas an entry received, ${mib} MiB`,
);
