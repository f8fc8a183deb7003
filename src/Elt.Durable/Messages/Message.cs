using Elt.Durable.Journal;

namespace Elt.Durable.Messages;

/// <summary>A message on its way to a run.</summary>
internal sealed record Message
{
    /// <summary>The run that it is for.</summary>
    public required string RunId { get; init; }

    public required string Topic { get; init; }

    /// <summary>Of several messages of one key to one run only the first is kept; one without a key of its own gets a unique one, so that a repeated commit is harmless.</summary>
    public required string IdempotencyKey { get; init; }

    /// <summary>The message as JSON.</summary>
    public required string Payload { get; init; }

    /// <summary>The run that sent it; <see langword="null"/> when it comes from outside.</summary>
    public string? Sender { get; init; }

    public static string CheckTopic(string topic)
    {
        ArgumentNullException.ThrowIfNull(topic);
        return topic.Length <= 200 && !topic.Any(char.IsControl)
            ? topic
            : throw new ArgumentException($"A topic has at most 200 characters, none of them a control character; this one has {topic.Length}.", nameof(topic));
    }

    public static string? CheckKey(string? idempotencyKey) => idempotencyKey is null || (idempotencyKey.Length is > 0 and <= 200 && !idempotencyKey.Any(char.IsControl))
        ? idempotencyKey
        : throw new ArgumentException($"An idempotency key has 1 to 200 characters, none of them a control character; this one has {idempotencyKey.Length}.", nameof(idempotencyKey));
}

/// <summary>A message that waits to be received.</summary>
/// <param name="IdempotencyKey">Names it within its run.</param>
/// <param name="Payload">The message as JSON.</param>
internal sealed record WaitingMessage(string IdempotencyKey, string Payload);

/// <summary>The step sends a message.</summary>
internal sealed record SendEffect(Message Message) : StepEffect
{
    public override int Weight => Message.Payload.Length;
}

/// <summary>The step consumes a message of its run.</summary>
internal sealed record ReceiveEffect(string IdempotencyKey) : StepEffect
{
    public override int Weight => 0;
}

/// <summary>A message from outside a workflow.</summary>
internal sealed class MessageWrite(Message message) : JournalWrite(TaskCreationOptions.RunContinuationsAsynchronously)
{
    public Message Message { get; } = message;

    public override int Weight => Message.Payload.Length;
}
