import { ParentBasedSampler, type Sampler, TraceIdRatioBasedSampler } from "@opentelemetry/sdk-trace";

type Environment = Readonly<Record<string, string | undefined>>;

/** Who decides which traces are stored. */
export interface Sampling {
  readonly sampler: Sampler;
  /** Of the traces that begin here. */
  readonly ratio: number;
}

/**
 * `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`, as OpenTelemetry has them. What they say holds for traces that begin
 * here; one that began elsewhere is stored where that was decided, unless the sampler is none of the `parentbased_` ones.
 * @throws Error for a sampler or a ratio that there is not
 */
export function samplingOf(environment: Environment): Sampling {
  const name = environment.OTEL_TRACES_SAMPLER?.trim() || "parentbased_always_on";
  const ratio = ratioOf(name, environment.OTEL_TRACES_SAMPLER_ARG);
  const root = new TraceIdRatioBasedSampler(ratio);
  return { ratio, sampler: name.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root };
}

function ratioOf(name: string, argument: string | undefined): number {
  switch (name.replace(/^parentbased_/, "")) {
    case "always_on":
      return 1;
    case "always_off":
      return 0;
    case "traceidratio": {
      const ratio = argument === undefined || argument.trim() === "" ? 1 : Number(argument);
      if (ratio >= 0 && ratio <= 1) return ratio;
      throw new Error(`OTEL_TRACES_SAMPLER_ARG is ${argument}; a number from 0 to 1 is accepted`);
    }
    default: {
      const accepted = ["always_on", "always_off", "traceidratio"].flatMap((one) => [one, `parentbased_${one}`]);
      throw new Error(`OTEL_TRACES_SAMPLER is ${name}; accepted are ${accepted.join(", ")}`);
    }
  }
}
