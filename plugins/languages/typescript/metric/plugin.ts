// How varied a sample is, in TypeScript: the share of its tokens that are distinct.

import { type Metric, type Samples, distinct } from "curricle";

export default class Distinct implements Metric {
  static values = "float32";

  measure(samples: Samples): number[] {
    return samples.map((tokens) => (tokens.length > 0 ? distinct(tokens).size / tokens.length : 0));
  }
}
