using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Elt.Durable.Execution;
using Elt.Durable.Journal;

namespace Elt.Durable.Schedules;

/// <summary>A schedule as a process declares it.</summary>
internal sealed record ScheduleDefinition
{
    public ScheduleDefinition(string name, CronSchedule cron, Func<DateTimeOffset, object> input, ScheduleOptions options)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Length > 100 || name.Any(c => char.IsControl(c) || c == '/'))
            throw new ArgumentException($"A schedule's name has 1 to 100 characters, none of them '/' or a control character; '{name}' does not.", nameof(name));
        if (options.Jitter < TimeSpan.Zero || options.Jitter > TimeSpan.FromDays(1) || options.CatchUpWindow < TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(options), $"Schedule '{name}' needs a jitter from 0 to a day and a catch-up window that is not negative.");
        (Name, Cron, Input, Options) = (name, cron, input, options);
    }

    public string Name { get; }

    public CronSchedule Cron { get; }

    public Func<DateTimeOffset, object> Input { get; }

    public ScheduleOptions Options { get; }

    /// <summary>Id of the run that a slot starts.</summary>
    public string RunId(DateTimeOffset slot) => string.Create(CultureInfo.InvariantCulture, $"{Name}/{slot.UtcDateTime:yyyy-MM-ddTHH:mm}Z");

    /// <summary>A run of this schedule, not yet started.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="time">The time that the input is made for.</param>
    /// <param name="options">The schedule's options as the journal has them.</param>
    /// <param name="payloads">Writes the input.</param>
    public NewRun Run(string id, DateTimeOffset time, ScheduleOptions options, Payloads payloads)
    {
        var input = Input(time);
        var workflow = WorkflowReference.Of(input.GetType());
        return new NewRun
        {
            Id = id,
            Workflow = workflow,
            Input = payloads.Write(input, "Input of workflow", workflow.Name),
            Queue = options.Queue,
            Priority = options.Priority,
            Schedule = Name,
        };
    }

    /// <summary>How much later than its slot a run begins: spread evenly over the jitter, the same for a slot in every process.</summary>
    public TimeSpan JitterOf(DateTimeOffset slot, TimeSpan jitter)
    {
        var hash = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(RunId(slot))));
        return jitter * (hash / (double)uint.MaxValue);
    }
}
