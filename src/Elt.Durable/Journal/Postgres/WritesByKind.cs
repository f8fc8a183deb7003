using Elt.Durable.Messages;

namespace Elt.Durable.Journal.Postgres;

/// <summary>The writes of one commit by their kinds, each in the order in which they were handed in.</summary>
internal sealed class WritesByKind
{
    private readonly HashSet<string> _started = [];

    /// <param name="writes">All writes of the commit.</param>
    /// <exception cref="NotSupportedException">There is a kind that this journal does not know.</exception>
    public WritesByKind(IReadOnlyList<JournalWrite> writes)
    {
        foreach (var write in writes)
            Add(write);
        AreStepsAlone = Steps.Count == writes.Count && Effects.Count == 0;
    }

    /// <summary>Whether there is nothing but steps that are recorded.</summary>
    public bool AreStepsAlone { get; }

    /// <summary>All starts.</summary>
    public List<StartWrite> Starts { get; } = [];

    /// <summary>The starts that are written: the first of several of one id counts, the others find it.</summary>
    public List<StartWrite> FirstStarts { get; } = [];

    public List<AttemptWrite> Attempts { get; } = [];

    /// <summary>All steps.</summary>
    public List<StepWrite> Steps { get; } = [];

    /// <summary>The steps that do something to the journal beside being recorded.</summary>
    public List<StepWrite> Effects { get; } = [];

    public List<MessageWrite> Messages { get; } = [];

    public List<ParkWrite> Parks { get; } = [];

    public List<EndWrite> Ends { get; } = [];

    private void Add(JournalWrite write)
    {
        switch (write)
        {
            case StepWrite step:
                Steps.Add(step);
                if (step.Effect is not null)
                    Effects.Add(step);
                break;
            case StartWrite start:
                Starts.Add(start);
                if (_started.Add(start.Run.Id))
                    FirstStarts.Add(start);
                break;
            case EndWrite end:
                Ends.Add(end);
                break;
            case AttemptWrite attempt:
                Attempts.Add(attempt);
                break;
            case ParkWrite park:
                Parks.Add(park);
                break;
            case MessageWrite message:
                Messages.Add(message);
                break;
            default:
                throw new NotSupportedException($"{write.GetType().Name} is no write of this journal.");
        }
    }
}
