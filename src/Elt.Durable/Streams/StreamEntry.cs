using Elt.Durable.Journal;

namespace Elt.Durable.Streams;

/// <summary>The step sets an event or appends to a stream of its run, whichever its kind says.</summary>
/// <param name="Name">Name of the event or stream.</param>
/// <param name="Value">The value as JSON.</param>
internal sealed record PublishEffect(string Name, string Value) : StepEffect
{
    public override int Weight => Value.Length;
}

/// <summary>What is known of an event.</summary>
/// <param name="RunIsOver">The run has ended: what it has not set by now it never will.</param>
/// <param name="Value">The value as JSON; <see langword="null"/> when it is not set.</param>
internal sealed record EventState(bool RunIsOver, string? Value);

/// <summary>A part of a stream.</summary>
/// <param name="RunIsOver">The run had ended before the entries were read: there will be no more.</param>
/// <param name="Entries">Position and value of the entries, in order.</param>
internal sealed record StreamPage(bool RunIsOver, IReadOnlyList<(long Position, string Value)> Entries);
