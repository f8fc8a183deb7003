namespace Elt.Pipelines.Tests.Sources.Connectors;

/// <summary>A clock that a test moves.</summary>
internal sealed class FrozenTime : TimeProvider
{
    public DateTimeOffset Now { get; set; } = new(2026, 11, 21, 5, 20, 0, TimeSpan.Zero);

    public override DateTimeOffset GetUtcNow() => Now;
}
