using System.Globalization;

namespace Elt.Service.Demo;

/// <summary>Settings of the demo.</summary>
internal sealed record DemoOptions
{
    public required string Data { get; init; }

    /// <summary>Users of each integration.</summary>
    public required int Users { get; init; }

    public required int PageSize { get; init; }

    public required int Integrations { get; init; }

    public required int Batches { get; init; }

    public required int Seed { get; init; }

    /// <summary>Faults on purpose, with at least one crash of the service.</summary>
    public required bool Chaos { get; init; }

    /// <summary>Leaves service and provider running.</summary>
    public required bool Keep { get; init; }

    /// <summary>One line of JSON on stdout.</summary>
    public required bool Json { get; init; }

    /// <summary>No run: service and provider in the foreground until Ctrl-C.</summary>
    public required bool Serve { get; init; }

    public int PagesPerIntegration => Math.Max(1, (Users + PageSize - 1) / PageSize);

    public int PagesPerBatch => (PagesPerIntegration + Batches - 1) / Batches;

    /// <summary>Number of an integration's last batch, from 0.</summary>
    public int LastBatch => (PagesPerIntegration - 1) / PagesPerBatch;

    /// <summary>Stable over runs and processes, so that a second run on the same data directory meets the same integrations.</summary>
    public static string OrganizationId(int number) => string.Create(CultureInfo.InvariantCulture, $"org-{number:000}");

    public static string IntegrationId(int number) => string.Create(CultureInfo.InvariantCulture, $"demo-{number:000}");

    public static bool IsDemo(string integrationId) => integrationId.StartsWith("demo-", StringComparison.Ordinal);
}
